internal import Tokenizer

/// What top-k, min-p and top-p leave of the tokens, as far as is known: some logits may be no more than bounds, and these
/// tokens are less likely than all candidates.
struct Cut {
    struct Candidate {
        var id: TokenID
        var logit: Float
    }

    /// A sum of weights at temperature 1, in units of the likeliest token's, of which bounds tell only so much.
    struct Mass {
        var least: Double
        var most: Double
    }

    /// The likeliest first, the lowest among equals: so that the same random number always means the same token.
    private(set) var candidates: [Candidate]
    /// So many of them are left whatever the other tokens are.
    private(set) var sure: Int
    /// Whether no other token is left.
    private(set) var isClosed: Bool

    init(_ candidates: [Candidate], isClosed: Bool) {
        self.candidates = candidates
        self.isClosed = isClosed
        sure = candidates.count
    }

    /// The logit of the likeliest token; `nil` without any.
    var best: Float? { candidates.first?.logit }

    mutating func keepLikeliest(_ topK: Int) {
        guard topK > 0, candidates.count >= topK else { return }
        close(behind: topK)
    }

    /// - Parameter isLast: whether no other token comes to `least`.
    mutating func keep(from least: Float, isLast: Bool) {
        if let end = candidates.firstIndex(where: { $0.logit < least }) {
            close(behind: end)
        } else if isLast {
            isClosed = true
        }
    }

    /// Keeps the smallest set of tokens that holds this share of what is left.
    ///
    /// - Parameter mass: of all tokens that are left; `nil` when these are the candidates.
    mutating func keepShare(_ topP: Float, of mass: Mass?) {
        let mass = mass ?? { Mass(least: $0, most: $0) }(self.mass(1))
        let end = end(1, reaching: Double(topP) * mass.most)
        sure = self.end(1, reaching: Double(topP) * mass.least) ?? sure
        if let end { close(behind: end) }
    }

    private mutating func close(behind end: Int) {
        candidates.removeLast(candidates.count - end)
        sure = min(sure, end)
        isClosed = true
    }

    /// What the candidates weigh together, in units of the first.
    func mass(_ temperature: Float) -> Double {
        candidates.reduce(0) { $0 + Self.weight($1.logit - candidates[0].logit, temperature) }
    }

    /// How many candidates it takes for their weights to reach `mass`, in units of the first; `nil` when all do not.
    func end(_ temperature: Float, reaching mass: Double) -> Int? {
        var sum = 0.0
        for (index, candidate) in candidates.enumerated() {
            sum += Self.weight(candidate.logit - candidates[0].logit, temperature)
            if sum >= mass { return index + 1 }
        }
        return nil
    }

    /// The candidate where the sum of their weights reaches that part of all which `unit` says.
    func pick(_ unit: Double, _ temperature: Float) -> Candidate? {
        // Rounding may leave a rest.
        end(temperature, reaching: unit * mass(temperature)).map { candidates[$0 - 1] } ?? candidates.last
    }

    private static func weight(_ logit: Float, _ temperature: Float) -> Double {
        Sampler.exponential(Double(logit / temperature))
    }
}
