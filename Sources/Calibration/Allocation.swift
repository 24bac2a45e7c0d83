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
    /// What leaving anything out of a layer's bundles costs, as a share of their bytes. They are read in order without gaps.
    var priceOfGaps = 0.05
    private var values = [Double](repeating: 0, count: count)

    subscript(place: Int) -> Double {
        get { values[place] }
        set { values[place] = newValue }
    }

    /// Of one site: without gaps the others lie in panels, where a byte takes down to half the time of one between gaps.
    func priceOfGaps(_ site: SparsitySite) -> Double { site == .channels ? priceOfGaps : 5 * priceOfGaps }

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

/// Lagrange's rule: every site of every layer gives up channels until the next byte would cost as much as
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
                best(choice, cost, price, gaps: weights.priceOfGaps(choice.site))
            }
        }
        // Prices in nats per byte, from nothing to what gives everything away.
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

    /// The share with which KL, less `price` for each byte saved, is least; `gaps` is the share that having any costs.
    private static func best(_ choice: Choice, _ cost: Double, _ price: Double, gaps: Double) -> Double {
        var (bestShare, bestValue) = (0.0, 0.0)
        for point in 1...Int(greatestShare / QuantileCurve.step) {
            let share = Double(point) * QuantileCurve.step
            let value =
                cost * choice.curve.energy(share) - price * Double(choice.bytes) * (share - gaps)
            if value < bestValue { (bestShare, bestValue) = (share, value) }
        }
        return bestShare
    }
}
