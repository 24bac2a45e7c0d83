internal import Decoder

/// What a benchmark found; medians of its runs.
struct BenchResult: Encodable {
    /// How memory is divided under a budget, in bytes; see `MemoryPlan`.
    struct Memory: Encodable {
        var budget: Int
        var working: Int
        var resident: Int
        var slots: Int
        var arrivals: Int
        /// Whether the model's channels lie in the order in which tokens want them.
        var isArranged: Bool

        init(_ plan: MemoryPlan) {
            budget = plan.budget
            working = plan.working
            resident = plan.resident
            slots = plan.slots
            arrivals = plan.arrivals
            isArranged = plan.isArranged
        }
    }

    /// What tokens needed that was not in memory.
    struct Storage: Encodable {
        /// Share of the units wanted of partly resident tensors that were in memory.
        var hitRate: Double
        var bytesPerToken: Double
        var readsPerToken: Double
        /// Of each worker, on average.
        var waitSecondsPerToken: Double
    }

    /// Decoding with a sparsity profile.
    struct Profile: Encodable {
        var name: String
        var method: String
        var target: Double
        var decodeTokensPerSecond: Double
        /// Over dense decoding in the same run.
        var speedup: Double
        /// Weights read on average.
        var bytesPerToken: Double
        var weightBytesPerSecond: Double
        var rooflineShare: Double
        /// `nil` when all weights are in memory.
        var storage: Storage?
    }

    var model: String
    var kernels: String
    var threads: Int
    var promptTokens: Int
    var decodedTokens: Int
    var runs: Int
    var prefillTokensPerSecond: Double
    var decodeTokensPerSecond: Double
    /// Weights that one decoded token reads, without the KV cache.
    var bytesPerToken: Int
    var weightBytesPerSecond: Double
    var readBandwidthBytesPerSecond: Double
    /// Weight bytes per second over the bandwidth before and after each run.
    var rooflineShare: Double
    /// Before the bandwidth was measured, whose buffer would count.
    var peakRssBytes: Int
    var memory: Memory?
    /// Of dense decoding; `nil` when all weights are in memory.
    var storage: Storage?
    var profiles: [Profile]

    /// For people.
    var table: String {
        func fixed(_ value: Double, _ digits: Int) -> String { Readable.fixed(value, digits) }
        let facts = """
            model             \(model)
            kernels           \(kernels), \(threads) threads
            prefill           \(fixed(prefillTokensPerSecond, 1)) tokens/s (\(promptTokens) tokens, median of \(runs))
            decode            \(fixed(decodeTokensPerSecond, 1)) tokens/s (\(decodedTokens) tokens, median of \(runs))
            bytes per token   \(fixed(Double(bytesPerToken) / 1e6, 1)) MB of weights
            weights read      \(fixed(weightBytesPerSecond / 1e9, 1)) GB/s
            read bandwidth    \(fixed(readBandwidthBytesPerSecond / 1e9, 1)) GB/s of this machine
            roofline share    \(fixed(rooflineShare * 100, 1)) %
            peak memory       \(fixed(Double(peakRssBytes) / 1e6, 1)) MB resident
            """
        guard !profiles.isEmpty else { return facts + storageTable }
        var sparse = TextTable(
            ["profile", "method", "tokens/s", "ratio", "MB/token", "bytes allow", "GB/s", "roofline"],
            rightAligned: [2, 3, 4, 5, 6, 7])
        for profile in profiles {
            sparse.append([
                profile.name, "\(profile.method) \(profile.target)",
                fixed(profile.decodeTokensPerSecond, 1), fixed(profile.speedup, 2),
                fixed(profile.bytesPerToken / 1e6, 1),
                fixed(Double(bytesPerToken) / profile.bytesPerToken, 2),
                fixed(profile.weightBytesPerSecond / 1e9, 1), fixed(profile.rooflineShare * 100, 1) + " %",
            ])
        }
        return facts + "\n\n" + sparse.text + storageTable
    }

    /// What was read from storage; empty when all weights are in memory.
    private var storageTable: String {
        guard let storage else { return "" }
        let mb = { (bytes: Int) in Readable.megabytes(bytes) }
        let division = memory.map {
            "memory            \(mb($0.budget)) MB: \(mb($0.working)) working, \(mb($0.resident)) weights, "
                + "\(mb($0.slots)) slots, \(mb($0.arrivals)) arrivals\n"
        }
        var table = TextTable(
            ["storage", "hits", "MB/token", "reads/token", "waiting/token"], rightAligned: [1, 2, 3, 4])
        for (name, storage) in [("dense", storage)] + profiles.map({ ($0.name, $0.storage ?? storage) }) {
            table.append([
                name, Readable.fixed(storage.hitRate * 100, 1) + " %",
                Readable.fixed(storage.bytesPerToken / 1e6, 1), String(Int(storage.readsPerToken.rounded())),
                Readable.fixed(storage.waitSecondsPerToken * 1000, 1) + " ms",
            ])
        }
        let hint =
            memory?.isArranged == false && !profiles.isEmpty
            ? "\nThe model is as imported; of an arranged one (chessctl arrange) less is read." : ""
        return "\n\n" + (division ?? "") + table.text + hint
    }
}
