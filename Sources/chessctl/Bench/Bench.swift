internal import Decoder
internal import Kernels
internal import Machine
internal import WeightStore

/// Times a decoder on a text: a prompt, then one token after another.
struct Bench {
    private let dense: Decoder
    /// The prompt, and the tokens behind it.
    private let text: [Int32]
    private let promptCount: Int
    private let decodeCount: Int
    private var plans: [NamedPlan] = []
    /// How memory was divided, where there is a budget.
    private let memory: MemoryPlan?
    /// Bytes per second, where it was measured before memory was given away; measured in turn otherwise.
    private let bandwidth: Double?
    /// See `HeadScope.reach`.
    private let reach: Float?

    /// - Parameters:
    ///   - tokens: of some prose, at least one; repeated until they suffice.
    ///   - allLogits: whether every logit is computed; else those that greedy decoding needs.
    init(
        _ dense: Decoder, tokens: [Int32], prompt: Int, decode: Int, memory: MemoryPlan?, bandwidth: Double?,
        allLogits: Bool = false
    ) {
        self.dense = dense
        reach = allLogits ? nil : 0
        self.bandwidth = bandwidth
        self.memory = memory
        promptCount = prompt
        decodeCount = decode
        text = (0..<Self.context(prompt: prompt, decode: decode, isBudgeted: true))
            .map { tokens[$0 % tokens.count] }
    }

    /// Tokens of context that a benchmark needs. Where weights are read when they are wanted, as many as are timed come
    /// before those.
    static func context(prompt: Int, decode: Int, isBudgeted: Bool) -> Int {
        prompt + (isBudgeted ? 2 : 1) * decode
    }

    /// Measures what reading memory gives, with a buffer that no cache holds; of half of `budget` at most.
    static func bandwidthMeter(threads: Int, budget: Int = .max) -> ReadBandwidth {
        ReadBandwidth(byteCount: min(256 << 20, max(budget / 2, 1 << 20)), threads: threads)
    }

    private var prompt: [Int32] { Array(text.prefix(promptCount)) }

    /// Touches every page once; returns the peak of resident memory after it, in bytes.
    func warmUp() throws -> Int {
        try warmUp(dense)
        return ProcessFacts.peakResidentBytes
    }

    /// Times `plan` too, on its own decoder.
    mutating func add(_ plan: NamedPlan) throws {
        plans.append(plan)
        if plan.decoder !== dense { try warmUp(plan.decoder) }
        if let fault = plan.decoder.takeFault() { throw fault }
    }

    private func warmUp(_ decoder: Decoder) throws {
        _ = decoder.prefill(prompt, at: 0)
        decoder.step(text[0], at: promptCount)
        if let fault = decoder.takeFault() { throw fault }
    }

    func measure(runs: Int, peakResidentBytes: Int) throws -> BenchResult {
        var bytes = 0.0
        let meter = bandwidth == nil ? Self.bandwidthMeter(threads: dense.threadCount) : nil
        var (prefill, denseRates, read) = ([Double](), [Double](), [Double]())
        var sparse = plans.map { _ in [Double]() }
        // Weights of a token in bytes, over what memory gave before and after its run: neighbours come and go.
        var denseShares = [Double]()
        var sparseShares = plans.map { _ in [Double]() }
        func readAgain() -> Double {
            let now = meter?.measure() ?? bandwidth ?? 0
            defer { read.append(now) }
            return (now + (read.last ?? now)) / 2
        }
        var bytesPerToken = plans.map { _ in 0.0 }
        var traffic = plans.map { _ in CacheCounts() }
        var denseTraffic = CacheCounts()
        for run in 0..<runs {
            prefill.append(Double(promptCount) / seconds { _ = dense.prefill(prompt, at: 0) })
            _ = readAgain()
            if memory?.cache == nil || run == 0 {
                let run = try timed(dense, nil)
                denseRates.append(run.rate)
                denseShares.append(run.rate * run.bytesPerToken / readAgain())
                bytes = run.bytesPerToken
                denseTraffic += run.traffic
            }
            for index in plans.indices {
                let run = try self.run(index)
                sparse[index].append(run.rate)
                sparseShares[index].append(run.rate * run.bytesPerToken / readAgain())
                bytesPerToken[index] = run.bytesPerToken
                traffic[index] += run.traffic
            }
        }
        let rate = median(denseRates)
        var result = BenchResult(
            model: dense.parameters.name, kernels: dense.kernels.name, threads: dense.threadCount,
            promptTokens: promptCount, decodedTokens: decodeCount, runs: runs,
            prefillTokensPerSecond: median(prefill), decodeTokensPerSecond: rate, bytesPerToken: Int(bytes),
            weightBytesPerSecond: rate * bytes, readBandwidthBytesPerSecond: median(read),
            rooflineShare: median(denseShares), peakRssBytes: peakResidentBytes,
            memory: memory.map {
                BenchResult.Memory(
                    budget: $0.budget, working: $0.working, resident: $0.resident, slots: $0.slots,
                    arrivals: $0.arrivals, isArranged: $0.isArranged)
            }, storage: storage(denseTraffic, runs: 1),
            profiles: [])
        for (index, named) in plans.enumerated() {
            let bytes = bytesPerToken[index]
            let rate = median(sparse[index])
            result.profiles.append(
                BenchResult.Profile(
                    name: named.name, method: named.profile.method, target: named.profile.sparsity,
                    decodeTokensPerSecond: rate,
                    speedup: denseRates.count == runs
                        ? median(zip(sparse[index], denseRates).map { $0 / $1 }) : rate / median(denseRates),
                    bytesPerToken: bytes,
                    weightBytesPerSecond: rate * bytes, rooflineShare: median(sparseShares[index]),
                    storage: storage(traffic[index], runs: runs)))
        }
        return result
    }

    /// One run with plan `index`, or dense without one, as `measure` makes it.
    func run(_ index: Int?) throws -> (rate: Double, bytesPerToken: Double, traffic: CacheCounts) {
        let plan = index.map { plans[$0].plan }
        let decoder = decoder(index)
        guard memory?.cache != nil else { return try timed(decoder, plan) }
        // What other runs left in memory says nothing about a conversation that goes on with this plan; nor does a text
        // that was just read say anything about the next.
        _ = try timed(decoder, plan)
        return try timed(decoder, plan, from: promptCount + decodeCount)
    }

    private func decoder(_ index: Int?) -> Decoder { index.map { plans[$0].decoder } ?? dense }

    /// Tokens per second of one run with plan `index`, behind a prompt as in `measure`.
    func rateBehindPrompt(_ index: Int) throws -> Double {
        _ = decoder(index).prefill(prompt, at: 0)
        return try run(index).rate
    }

    /// What a token read from storage, on average; `nil` when all weights are in memory.
    func storage(_ counts: CacheCounts, runs: Int) -> BenchResult.Storage? {
        guard memory?.cache != nil else { return nil }
        let tokens = Double(runs * decodeCount)
        return BenchResult.Storage(
            hitRate: counts.wanted == 0 ? 1 : 1 - Double(counts.missed) / Double(counts.wanted),
            bytesPerToken: Double(counts.bytesRead) / tokens, readsPerToken: Double(counts.reads) / tokens,
            waitSecondsPerToken: Double(counts.waited) * 1e-9 / tokens / Double(dense.threadCount))
    }

    /// One run behind the prompt, or from position `start` on: tokens per second, bytes of weights a token, and what was read
    /// for them.
    private func timed(
        _ decoder: Decoder, _ plan: SparsityPlan?, from start: Int? = nil
    ) throws -> (rate: Double, bytesPerToken: Double, traffic: CacheCounts) {
        let before = decoder.weights.cache?.total ?? CacheCounts()
        _ = decoder.takeCounts(of: plan)
        let spent = seconds {
            let start = start ?? promptCount
            for index in start..<start + decodeCount {
                decoder.step(text[index], at: index, plan: plan, reach: reach)
            }
        }
        if let fault = decoder.takeFault() { throw fault }
        let bytes = decoder.weights.bytesPerToken(decoder.takeCounts(of: plan))
        return (Double(decodeCount) / spent, bytes, (decoder.weights.cache?.total ?? CacheCounts()) - before)
    }

    private func seconds(_ body: () -> Void) -> Double {
        let begin = ProcessFacts.monotonicNanoseconds
        body()
        return Double(ProcessFacts.monotonicNanoseconds - begin) * 1e-9
    }

    private func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

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
