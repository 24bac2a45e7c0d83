/// Searches the shares of channels to leave out, at equal bytes, with which KL is least; then gives up what KL is better
/// than it need be for fewer gaps.
struct ShareSearch {
    private let choices: [Choice]
    private let layers: Int
    private let budget: Double
    private let allowed: Double
    private let divergence: ([Double]) -> Double
    private let savings: ([Double]) -> Double

    /// - Parameters:
    ///   - budget: bytes to leave out of a token.
    ///   - allowed: KL in nats up to which gaps are given up.
    ///   - divergence: mean KL in nats with the shares given.
    ///   - savings: bytes that shares leave out when they are tried.
    init(
        _ choices: [Choice], layers: Int, budget: Double, allowed: Double,
        divergence: @escaping ([Double]) -> Double, savings: @escaping ([Double]) -> Double
    ) {
        self.choices = choices
        self.layers = layers
        self.budget = budget
        self.allowed = allowed
        self.divergence = divergence
        self.savings = savings
    }

    /// How often KL is measured at most, and once for what it is compared with.
    static let mostTrials = 1 + steps.count * (2 * SearchWeights.count + halvings + 2)

    private static let steps = [0.8, 0.4]
    private static let halvings = 4

    /// See `SearchWeights.priceOfGaps`: inputs, which pay five times as much, still give something away at any need.
    private static let dearestGaps = 0.16

    /// The shares of the best candidate found.
    func best() -> [Double] {
        var best = SearchWeights()
        var meant = corrected(best, budget)
        for step in Self.steps {
            improve(&best, by: step, meant)
            best.priceOfGaps = priceOfGaps(best, meant)
            meant = corrected(best, meant)
        }
        return shares(best, corrected(best, meant))
    }

    /// Moves every weight by `step` where that lowers KL.
    private func improve(_ best: inout SearchWeights, by step: Double, _ meant: Double) {
        var bestCost = cost(best, meant)
        for place in 0..<SearchWeights.count {
            for direction in [step, -step] {
                var candidate = best
                candidate[place] += direction
                let found = cost(candidate, meant)
                if found < bestCost {
                    (best, bestCost) = (candidate, found)
                    break
                }
            }
        }
    }

    /// The dearest that gaps may be with KL as low as is allowed.
    private func priceOfGaps(_ weights: SearchWeights, _ meant: Double) -> Double {
        func repriced(_ price: Double) -> Double {
            var weights = weights
            weights.priceOfGaps = price
            return cost(weights, corrected(weights, meant))
        }
        // Where no price keeps to what is allowed, fewer gaps may still cost nothing.
        let within = max(allowed, 1.03 * repriced(0))
        var (low, high) = (0.0, Self.dearestGaps)
        for _ in 0..<Self.halvings {
            let middle = (low + high) / 2
            if repriced(middle) <= within { low = middle } else { high = middle }
        }
        return low
    }

    private func shares(_ weights: SearchWeights, _ meant: Double) -> [Double] {
        Allocation.shares(choices, weights, budget: meant, layers: layers)
    }

    private func cost(_ weights: SearchWeights, _ meant: Double) -> Double {
        divergence(shares(weights, meant))
    }

    /// What is meant and what is left out differ a little where activations move with what was dropped.
    private func corrected(_ weights: SearchWeights, _ meant: Double) -> Double {
        meant * budget / max(savings(shares(weights, meant)), 1)
    }
}
