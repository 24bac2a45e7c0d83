internal import WeightStore

/// One site of one layer, of which some share may be left out.
struct Choice {
    let site: SparsitySite
    let layer: Int
    let curve: QuantileCurve
    /// Of all its channels.
    let bytes: Int
    /// KL in nats per share of energy left out.
    var sensitivity = 0.0
}

/// Corrections to the measured sensitivities, as natural logarithms: of three sites against the hidden
/// channels, along the depth of the model, and of their spread.
struct SearchWeights {
    static let count = 6
    /// How much the time counts that gaps take: 0 for bytes alone, 1 for what was measured.
    var weightOfGaps = 0.5
    private var values = [Double](repeating: 0, count: count)

    subscript(place: Int) -> Double {
        get { values[place] }
        set { values[place] = newValue }
    }

    /// The time that leaving `share` of a site's channels out saves, in that of reading all of them in order.
    ///
    /// Fitted to Qwen2.5-Coder 1.5B on Zen 4 with quiet neighbours, every site alone (docs/sparsity.md, Speed), where gaps
    /// cost most: without them a matrix of inputs lies in panels, and what is kept of the gate is then read more slowly.
    func timeSaved(_ site: SparsitySite, _ share: Double) -> Double {
        let (gaps, slower) =
            switch site {
            case .queryInput: (0.13, 0.0)
            case .attentionOutput: (0.3, 0.0)
            case .gateInput: (0.38, 0.3)
            default: (0.1, 0.0)
            }
        return share - weightOfGaps * (gaps - slower * share)
    }

    /// What the sensitivity `value` of a choice becomes; `depth` is from 0 to 1.
    func corrected(_ value: Double, _ site: SparsitySite, depth: Double) -> Double {
        let siteWeight =
            switch site {
            case .queryInput: values[0]
            case .attentionOutput: values[1]
            case .gateInput: values[2]
            default: 0.0
            }
        let slope = values[3] * (depth - 0.5) + values[5] * (4 * (depth - 0.5) * (depth - 0.5) - 0.5)
        return power(max(value, 1e-12), exponential(values[4] / 2)) * exponential(siteWeight + slope)
    }
}

/// Lagrange's rule: every site of every layer gives up channels until the time of the next would cost as much as
/// anywhere else.
enum Allocation {
    /// Nearly everything is never left out: thresholds are too uncertain there.
    private static let greatestShare = 0.9

    /// The share of each choice's channels to leave out, so that `budget` bytes are saved.
    static func shares(
        _ choices: [Choice], _ weights: SearchWeights, budget: Double, layers: Int
    ) -> [Double] {
        let costs = choices.map {
            weights.corrected(
                $0.sensitivity, $0.site, depth: Double($0.layer) / Double(max(layers - 1, 1)))
        }
        func shares(_ price: Double) -> [Double] {
            zip(choices, costs).map { choice, cost in
                best(choice, cost, price) { weights.timeSaved(choice.site, $0) }
            }
        }
        // Prices in nats per byte read in order, from nothing to what gives everything away.
        var (low, high) = (-60.0, 10.0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            let saved = zip(choices, shares(exponential(middle))).reduce(0.0) {
                $0 + Double($1.0.bytes) * $1.1
            }
            if saved < budget { low = middle } else { high = middle }
        }
        return shares(exponential(high))
    }

    /// The share with which KL, less `price` for the time saved, is least.
    private static func best(
        _ choice: Choice, _ cost: Double, _ price: Double, timeSaved: (Double) -> Double
    ) -> Double {
        var (bestShare, bestValue) = (0.0, 0.0)
        for point in 1...Int(greatestShare / QuantileCurve.step) {
            let share = Double(point) * QuantileCurve.step
            let value = cost * choice.curve.energy(share) - price * Double(choice.bytes) * timeSaved(share)
            if value < bestValue { (bestShare, bestValue) = (share, value) }
        }
        return bestShare
    }
}
