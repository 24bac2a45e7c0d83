import Kernels
import Machine
import Testing
import WeightStore

@testable import Calibration

/// Lagrange's rule over four sites of eight layers, with and without a price for gaps.
@Suite struct AllocationTests {
    private static let layers = 8

    /// Energies as of values from a uniform distribution.
    private let curve = {
        let histogram = MagnitudeHistogram()
        histogram.add(FloatSlice(SharedBuffer((1...4096).map { Float($0) / 4096 })))
        var bins = [UInt64](repeating: 0, count: MagnitudeHistogram.binCount)
        histogram.add(to: &bins)
        var curve = QuantileCurve()
        curve.add(bins: bins)
        return curve
    }()

    /// Later layers, and inputs more than channels, cost more.
    private var choices: [Choice] {
        let sites: [SparsitySite] = [.queryInput, .attentionOutput, .gateInput, .channels]
        return sites.flatMap { site -> [Choice] in
            let (bytes, factor) = site == .channels ? (4000, 1.0) : (1000, 0.5)
            return (0..<Self.layers).map { layer in
                Choice(
                    site: site, layer: layer, curve: curve, bytes: bytes,
                    sensitivity: factor * Double(layer + 1))
            }
        }
    }

    private func shares(gaps: Double, budget: Double) -> [Double] {
        var weights = SearchWeights()
        weights.priceOfGaps = gaps
        return Allocation.shares(choices, weights, budget: budget, layers: Self.layers)
    }

    private func saved(_ shares: [Double]) -> Double {
        zip(choices, shares).reduce(0) { $0 + Double($1.0.bytes) * $1.1 }
    }

    @Test(arguments: [0, 0.02, 0.08, 0.16], [3000.0, 15_000, 30_000, 45_000])
    func whatIsWantedIsSaved(gaps: Double, budget: Double) {
        let saved = saved(shares(gaps: gaps, budget: budget))
        // One site more may have been needed, which then gives all that is worth its gaps.
        #expect(saved >= budget && saved < budget + 4000 * 0.9, "\(saved)")
    }

    @Test func whatCostsMoreGivesLess() {
        let shares = shares(gaps: 0, budget: 15_000)
        for site in 0..<4 {
            let bySite = shares[site * Self.layers..<(site + 1) * Self.layers]
            #expect(zip(bySite, bySite.dropFirst()).allSatisfy { $0 >= $1 }, "\(bySite)")
            #expect(bySite.allSatisfy { $0 > 0 })
        }
    }

    @Test func dearerGapsAreFewer() {
        let counts = [0, 0.02, 0.04, 0.08, 0.16].map { gaps in
            shares(gaps: gaps, budget: 15_000).count { $0 > 0 }
        }
        #expect(counts[0] == 4 * Self.layers)
        #expect(zip(counts, counts.dropFirst()).allSatisfy { $0 >= $1 }, "\(counts)")
        #expect(counts.last! <= Self.layers, "\(counts)")
    }
}
