internal import func Glibc.exp

/// What to do next with candidates whose speed is known.
enum TuneChoice: Equatable {
    /// The candidate at this place is the fastest within the bounds.
    case take(Int)
    /// The one at this place would be, if its quality, which is not known, is within the bounds.
    case measure(Int)
    case nothing

    /// - Parameter densePerplexity: of the held-out text.
    static func next(
        _ candidates: [TuneCandidate], _ bounds: QualityBounds, densePerplexity: Double
    ) -> TuneChoice {
        var best: (index: Int, rate: Double)?
        for (index, candidate) in candidates.enumerated() {
            guard let rate = candidate.tokensPerSecond,
                candidate.isAdmitted(bounds, densePerplexity) ?? true
            else { continue }
            guard let found = best else {
                best = (index, rate)
                continue
            }
            let isBetter = candidate.divergence ?? .infinity < candidates[found.index].divergence ?? .infinity
            if rate > found.rate || (rate == found.rate && isBetter) { best = (index, rate) }
        }
        guard let best else { return .nothing }
        return candidates[best.index].divergence == nil ? .measure(best.index) : .take(best.index)
    }
}

extension TuneCandidate {
    /// `nil` where its quality is not known.
    func isAdmitted(_ bounds: QualityBounds, _ densePerplexity: Double) -> Bool? {
        guard let divergence, let perplexity else { return nil }
        return bounds.admit(
            divergence: divergence, perplexity: perplexity, densePerplexity: densePerplexity)
    }
}

func exponential(_ x: Double) -> Double { exp(x) }
