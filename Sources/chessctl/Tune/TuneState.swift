internal import FoundationEssentials
internal import Machine

/// A profile that tuning tries, at one factor for channels that are not in memory, and what was found about it.
struct TuneCandidate: Codable, Equatable {
    var method: String
    var sparsity: Double
    var absentFactor: Float = 1
    /// On the held-out text; `nil` where it has not been measured.
    var divergence: Double?
    var perplexity: Double?
    /// Weights that a token of the held-out text reads.
    var bytesPerToken: Double
    /// Tokens per second, one for each round.
    var rates: [Double] = []
    /// Of the last round; `nil` when all weights are in memory.
    var storageBytesPerToken: Double?
    /// Stepping through the held-out text within the budget: KL and loss.
    var steppedDivergence: Double?
    var steppedLoss: Double?

    /// The median over rounds; `nil` before the first.
    var tokensPerSecond: Double? { rates.isEmpty ? nil : Median.of(rates) }

    /// Such as `chess 0.5` or `chess 0.5, factor 2`.
    var name: String {
        "\(method) \(sparsity)"
            + (absentFactor == 1 ? "" : ", factor \(Figure.significant(Double(absentFactor)))")
    }

    /// What was found by stepping says how much a factor adds to what evaluation found without one.
    mutating func derive(from plain: TuneCandidate) {
        guard let divergence = plain.divergence, let perplexity = plain.perplexity,
            let before = plain.steppedDivergence, let after = steppedDivergence,
            let lossBefore = plain.steppedLoss, let lossAfter = steppedLoss
        else { return }
        self.divergence = divergence + max(after - before, 0)
        self.perplexity = perplexity * exponential(lossAfter - lossBefore)
    }
}

/// What a tuning has found so far, kept beside its output so that it can go on after an interruption.
struct TuneState: Codable, Equatable {
    /// What the figures depend on.
    struct Key: Codable, Equatable {
        var program: String
        var storeIdentity: String
        var corpusSHA256: String
        var tokens: Int
        var heldOutTokens: Int
        var context: Int
        var decodedTokens: Int
        var budget: Int?
        /// What storage was held to, in bytes per second.
        var storageRate: Double?
        var headCandidates: Int
        var threads: Int
        var kernels: String
        var cacheFormat: String
    }

    var key: Key
    /// Tokens per second, one for each round; empty within a budget.
    var denseRates: [Double] = []
    var candidates: [TuneCandidate] = []

    init(key: Key) { self.key = key }

    /// The state in the file at `path` when it is one and has this key; a new one otherwise.
    ///
    /// - Returns: also why a file that is there is of no use.
    static func resumed(path: String, key: Key) -> (state: TuneState, note: String?) {
        guard FileNames.exists(path) else { return (TuneState(key: key), nil) }
        do {
            let file = try MappedFile(path: path)
            let bytes = file.bytes(0..<min(file.byteCount, greatestBytes))
            let state = try JSONDecoder().decode(TuneState.self, from: Data(bytes))
            guard state.key == key else {
                return (
                    TuneState(key: key),
                    "\(path): left by a run over another model or text, or with other options; begins anew"
                )
            }
            guard state.isPlausible else { throw FileDamage() }
            return (state, nil)
        } catch {
            return (TuneState(key: key), "\(path): damaged, or not a state of tune; begins anew")
        }
    }

    private struct FileDamage: Error {}

    private static let greatestBytes = 1 << 20

    private var isPlausible: Bool {
        func positive(_ value: Double) -> Bool { value > 0 && value.isFinite }
        return denseRates.allSatisfy(positive)
            && candidates.allSatisfy { candidate in
                (0...0.99).contains(candidate.sparsity) && candidate.absentFactor >= 1
                    && candidate.rates.allSatisfy(positive) && positive(candidate.bytesPerToken)
                    && (candidate.perplexity.map(positive) ?? true)
            }
    }

    func write(to path: String) throws {
        var file = try AtomicFile(path: path)
        try file.append(Array(try JSONEncoder().encode(self)))
        try file.commit()
    }

    /// Where the candidate is, if it has been tried.
    func index(_ method: String, _ sparsity: Double, _ factor: Float = 1) -> Int? {
        candidates.firstIndex { $0.method == method && $0.sparsity == sparsity && $0.absentFactor == factor }
    }

    static func remove(_ path: String) {
        if FileNames.exists(path) { try? FileManager.default.removeItem(atPath: path) }
    }
}
