internal import func Glibc.exp

/// What tuning makes of figures.
enum TuneChoice {
    /// The place of the fastest candidate within the bounds, the better one of two that are as fast; `nil` when none
    /// of those that were timed is.
    ///
    /// - Parameter densePerplexity: of the held-out text.
    static func fastest(
        _ candidates: [TuneCandidate], _ bounds: QualityBounds, densePerplexity: Double
    ) -> Int? {
        var best: (index: Int, rate: Double)?
        for (index, candidate) in candidates.enumerated() {
            guard let rate = candidate.tokensPerSecond,
                candidate.isAdmitted(bounds, densePerplexity) == true
            else { continue }
            guard let found = best else {
                best = (index, rate)
                continue
            }
            let isBetter = candidate.divergence ?? .infinity < candidates[found.index].divergence ?? .infinity
            if rate > found.rate || (rate == found.rate && isBetter) { best = (index, rate) }
        }
        return best?.index
    }

    /// The greatest of `0...last` that is admitted, where 0 is and none above one that is not; asks as few as it can.
    static func greatest(upTo last: Int, isAdmitted: (Int) throws -> Bool) rethrows -> Int {
        var (low, high) = (0, last)
        while low < high {
            let middle = (low + high + 1) / 2
            if try isAdmitted(middle) { low = middle } else { high = middle - 1 }
        }
        return low
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
