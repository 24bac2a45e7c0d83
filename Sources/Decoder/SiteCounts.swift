internal import Machine
package import WeightStore

/// How many channels each site of each layer kept, over a number of tokens.
package struct SiteCounts: Sendable {
    package private(set) var tokens: Int
    /// Rows of the head that a token computes; `nil` for all.
    let headCandidates: Int?
    /// Of how many tokens the logits were bounded first, and the rows of the head that these computed.
    private(set) var boundedTokens: Int
    private(set) var headRows: Int
    private let model: ModelParameters
    private var kept: [Int]

    init(_ model: ModelParameters, _ covered: TokenTally.Counts, kept: [Int], headCandidates: Int?) {
        self.model = model
        self.headCandidates = headCandidates
        (tokens, boundedTokens, headRows) = (covered.tokens, covered.boundedTokens, covered.headRows)
        self.kept = kept
    }

    /// Channels kept at `site` of `layer`, over all tokens.
    package func kept(_ site: SparsitySite, _ layer: Int) -> Int {
        kept[SiteTally.index(site, layer, model.layers)]
    }

    /// Channels left out of a token, on average.
    package func leftOut(_ site: SparsitySite, _ layer: Int) -> Double {
        guard tokens > 0 else { return 0 }
        return Double(model.width(site)) - Double(kept(site, layer)) / Double(tokens)
    }

    /// Share of channels left out.
    package func sparsity(_ site: SparsitySite, _ layer: Int) -> Double {
        leftOut(site, layer) / Double(model.width(site))
    }

    /// Share left out, over all layers.
    package func sparsity(_ site: SparsitySite) -> Double {
        (0..<model.layers).reduce(0) { $0 + sparsity(site, $1) } / Double(model.layers)
    }

    /// Adds what was counted over other tokens of the same model.
    package mutating func add(_ other: SiteCounts) {
        tokens += other.tokens
        boundedTokens += other.boundedTokens
        headRows += other.headRows
        for index in kept.indices { kept[index] += other.kept[index] }
    }
}

/// How many tokens were evaluated, and what their heads computed.
struct TokenTally: Sendable {
    struct Counts {
        var tokens: Int
        var boundedTokens: Int
        var headRows: Int
    }

    private let counts = SharedBuffer<Int>(count: 3)

    func add(tokens: Int) { counts[0] += tokens }

    func add(boundedTokens: Int = 0, headRows: Int) {
        counts[1] += boundedTokens
        counts[2] += headRows
    }

    /// The counts so far, which begin anew.
    func take() -> Counts {
        defer { for index in 0..<counts.count { counts[index] = 0 } }
        return Counts(tokens: counts[0], boundedTokens: counts[1], headRows: counts[2])
    }
}

/// One worker's running counts of kept channels.
struct SiteTally: Sendable {
    private let layers: Int
    private let kept: SharedBuffer<Int>

    init(layers: Int) {
        self.layers = layers
        kept = SharedBuffer(count: SparsitySite.allCases.count * layers)
    }

    static func index(_ site: SparsitySite, _ layer: Int, _ layers: Int) -> Int {
        let number =
            switch site {
            case .queryInput: 0
            case .keyValueInput: 1
            case .attentionOutput: 2
            case .gateInput: 3
            case .upInput: 4
            case .channels: 5
            case .downInput: 6
            }
        return number * layers + layer
    }

    func add(_ count: Int, _ site: SparsitySite, _ layer: Int) {
        kept[Self.index(site, layer, layers)] += count
    }

    /// The counts so far, which begin anew.
    func take() -> [Int] {
        let counts = kept.elements(0..<kept.count)
        for index in 0..<kept.count { kept[index] = 0 }
        return counts
    }
}
