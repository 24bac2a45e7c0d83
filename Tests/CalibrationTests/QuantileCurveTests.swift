import Kernels
import Machine
import Testing

@testable import Calibration

/// Quantiles of histograms against sorted values.
@Suite struct QuantileCurveTests {
    private func curve(_ windows: [[Float]]) -> QuantileCurve {
        var curve = QuantileCurve()
        for values in windows {
            let histogram = MagnitudeHistogram()
            histogram.add(FloatSlice(SharedBuffer(values)))
            var bins = [UInt64](repeating: 0, count: MagnitudeHistogram.binCount)
            histogram.add(to: &bins)
            curve.add(bins: bins)
        }
        return curve
    }

    /// Values of both signs over twelve octaves.
    private let values: [Float] = (0..<10_000).map { index in
        let magnitude = Float(index + 1) / 1000 * Float(1 << (index % 4))
        return index % 2 == 0 ? magnitude : -magnitude
    }

    @Test(arguments: [0.005, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
    func quantilesAreWithinABin(share: Double) {
        let sorted: [Double] = values.map { Double($0.magnitude) }.sorted()
        let place = Int(share * Double(sorted.count))
        let exact = sorted[place]
        let found = curve([values]).limit(share)
        #expect(abs(found - exact) <= exact * 0.01, "\(found) for \(exact)")
        let squares = sorted.map { $0 * $0 }
        let expected: Double = squares.prefix(place).reduce(0, +) / squares.reduce(0, +)
        let energy = curve([values]).energy(share)
        #expect(abs(energy - expected) <= 0.02 * expected + 1e-6, "\(energy), \(expected)")
    }

    @Test func sharesAreThoseOfTheirLimits() {
        let curve = curve([values, values.map { $0 * 3 }])
        for share in stride(from: 0.01, to: 0.98, by: 0.0137) {
            #expect(abs(curve.share(below: curve.limit(share)) - share) < 1e-6)
        }
        #expect(curve.share(below: 0) == 0 && curve.share(below: 1e9) > 0.99)
    }

    @Test func thresholdsMoveNoFurtherThanTheyMust() {
        let excess = [0.1, 0.01, -0.03, 0]
        let byLayer = Settling.layers(within: 0.02).moves(excess)
        #expect(zip(byLayer, [-0.08, 0, 0.01, 0]).allSatisfy { abs($0 - $1) < 1e-12 })
        #expect(Settling.sites(within: 0.02).moves(excess) == [0, 0, 0, 0])
        let bySite = Settling.sites(within: 0.01).moves(excess)
        #expect(bySite.allSatisfy { abs($0 + 0.01) < 1e-12 }, "a mean of 0.02 comes to 0.01")
    }

    /// Windows of ones and of threes: two on average, where one histogram of both would say one or three.
    @Test func windowsAreAveraged() {
        let ones = [Float](repeating: 1, count: 100)
        let found = curve([ones, ones.map { $0 * 3 }]).limit(0.5)
        #expect(abs(found - 2) < 0.02, "\(found)")
    }

    @Test func nothingIsBelowZero() {
        #expect(curve([values]).limit(0) == 0)
        #expect(QuantileCurve().limit(0.5) == 0)
    }
}
