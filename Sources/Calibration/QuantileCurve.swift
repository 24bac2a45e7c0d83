internal import Kernels

/// The magnitudes of one activation in one layer, as a curve over the share of channels left out.
///
/// Quantiles are taken window by window and averaged, as the paper's code does; within a window they come
/// from a histogram, whose bins make them exact to 0.8 %.
package struct QuantileCurve: Sendable {
    /// Shares between neighbouring points.
    package static let step = 0.005
    private static let points = 199
    /// Magnitude below which each share lies, and the energy (sum of squares) below it over the whole.
    private var limits = [Double](repeating: 0, count: points)
    private var energies = [Double](repeating: 0, count: points)
    private var windows = 0

    package init() {}

    /// Adds one window, of which `bins` are the counts.
    mutating func add(bins: [UInt64]) {
        let total = Double(bins.reduce(0, +))
        guard total > 0 else { return }
        var energy = 0.0
        for (index, count) in bins.enumerated() where count > 0 {
            energy += Self.square(index) * Double(count)
        }
        var (point, below, energyBelow) = (0, 0.0, 0.0)
        for (index, count) in bins.enumerated() where count > 0 {
            let count = Double(count)
            while point < Self.points, Double(point + 1) * Self.step * total <= below + count {
                let within = (Double(point + 1) * Self.step * total - below) / count
                let (low, high) = Self.bounds(index)
                limits[point] += low + (high - low) * within
                energies[point] += (energyBelow + Self.square(index) * count * within) / max(energy, 1e-300)
                point += 1
            }
            below += count
            energyBelow += Self.square(index) * count
        }
        windows += 1
    }

    /// The magnitude below which the share `sparsity` lies; 0 for 0.
    package func limit(_ sparsity: Double) -> Double { value(limits, sparsity) }

    /// The share of energy that lies below it.
    package func energy(_ sparsity: Double) -> Double { value(energies, sparsity) }

    /// The share that lies below the magnitude `limit`, at most that of the last point.
    func share(below limit: Double) -> Double {
        var (low, high) = (0.0, Double(Self.points) * Self.step)
        for _ in 0..<40 {
            let middle = (low + high) / 2
            if self.limit(middle) < limit { low = middle } else { high = middle }
        }
        return low
    }

    private func value(_ curve: [Double], _ sparsity: Double) -> Double {
        guard windows > 0, sparsity > 0 else { return 0 }
        let place = min(sparsity / Self.step, Double(Self.points))
        let upper = min(max(Int(place.rounded(.up)), 1), Self.points)
        let (high, low) = (curve[upper - 1], upper > 1 ? curve[upper - 2] : 0)
        return (low + (high - low) * (place - Double(upper - 1))) / Double(windows)
    }

    private static func bounds(_ index: Int) -> (low: Double, high: Double) {
        let low = MagnitudeHistogram.lowerBound(index)
        let high = MagnitudeHistogram.lowerBound(index + 1)
        return (Double(low), high.isFinite ? Double(high) : Double(low))
    }

    private static func square(_ index: Int) -> Double {
        let (low, high) = bounds(index)
        return low.isFinite ? (low + high) * (low + high) / 4 : 0
    }
}
