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
    private let values = (0..<10_000).map { index in
        Float(index % 2 == 0 ? 1 : -1) * Float(index + 1) / 1000 * Float(1 << (index % 4))
    }

    @Test(arguments: [0.005, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
    func quantilesAreWithinABin(share: Double) {
        let sorted = values.map(abs).sorted()
        let exact = Double(sorted[Int(share * Double(sorted.count))])
        let found = curve([values]).limit(share)
        #expect(abs(found - exact) <= exact * 0.01, "\(found) for \(exact)")
        let below = sorted.prefix(Int(share * Double(sorted.count))).reduce(0) { $0 + Double($1 * $1) }
        let whole = sorted.reduce(0) { $0 + Double($1 * $1) }
        let energy = curve([values]).energy(share)
        #expect(abs(energy - below / whole) <= 0.02 * below / whole + 1e-6, "\(energy), \(below / whole)")
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
