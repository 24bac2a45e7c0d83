internal import func Glibc.ceil
internal import func Glibc.floor
internal import func Glibc.log10
internal import func Glibc.pow

/// One axis of a chart: the values it spans and the ticks on it.
struct Axis: Equatable {
    struct Tick: Equatable {
        var value: Double
        var label: String
    }

    /// With the unit.
    var title: String
    var low: Double
    var high: Double
    var ticks: [Tick]
    var isLogarithmic = false

    /// Where `value` lies, 0 at the low end and 1 at the high one; never outside, nor anything but a number.
    func fraction(_ value: Double) -> Double {
        guard !value.isNaN else { return 0 }
        if isLogarithmic {
            guard value > low else { return 0 }
            return min((log10(value) - log10(low)) / (log10(high) - log10(low)), 1)
        }
        return min(max((value - low) / (high - low), 0), 1)
    }
}

extension Axis {
    /// Around `values` and out to round numbers.
    ///
    /// - Parameters:
    ///   - zero: begins at zero whatever the values are.
    ///   - steps: about as many as there are to be between the ends.
    static func linear(_ title: String, _ values: [Double], zero: Bool = false, steps: Int = 5) -> Axis {
        var low = zero ? 0 : values.min() ?? 0
        var high = max(values.max() ?? 1, low)
        if high - low <= abs(high) * 1e-6 {
            let margin = high == 0 ? 1 : abs(high) * 0.1
            (low, high) = (zero ? 0 : low - margin, high + margin)
        }
        let step = roundStep(above: (high - low) / Double(steps))
        let (first, last) = (Int(floor(low / step + 1e-9)), Int(ceil(high / step - 1e-9)))
        let digits = max(0, Int(-floor(log10(step) + 1e-9)))
        let ticks = (first...max(last, first + 1)).map { index in
            let value = Double(index) * step
            let isPlain = abs(value) < 1e6 && digits <= 6
            return Tick(
                value: value, label: isPlain ? Figure.decimal(value, digits) : Figure.significant(value))
        }
        return Axis(
            title: title, low: Double(first) * step, high: Double(max(last, first + 1)) * step, ticks: ticks)
    }

    /// Values of zero and more, in decades when they span many.
    static func magnitudes(_ title: String, _ values: [Double]) -> Axis {
        let positive = values.filter { $0 > 0 }
        guard let least = positive.min(), let greatest = positive.max(), greatest > 15 * least else {
            return linear(title, values, zero: true)
        }
        let (first, last) = (Int(floor(log10(least))), Int(ceil(log10(greatest))))
        // With one label per decade from three decades on, and fewer labels than decades from eight on.
        let mantissas = last - first <= 3 ? [1, 2, 5] : [1]
        let stride = max(1, (last - first + 6) / 7)
        var ticks: [Tick] = []
        for exponent in Swift.stride(from: first, through: last + stride - 1, by: stride) {
            for mantissa in mantissas {
                let value = Double(mantissa) * pow(10, Double(exponent))
                ticks.append(Tick(value: value, label: Figure.significant(value, 1)))
            }
        }
        let from = ticks.lastIndex { $0.value <= least * (1 + 1e-9) } ?? 0
        let to = ticks.firstIndex { $0.value >= greatest * (1 - 1e-9) } ?? ticks.count - 1
        ticks = Array(ticks[from...to])
        var axis = Axis(
            title: title + ", log scale", low: ticks[0].value, high: ticks[ticks.count - 1].value,
            ticks: ticks, isLogarithmic: true)
        // Zero has no logarithm: it gets the bottom line, half a decade below the rest.
        if values.contains(where: { $0 <= 0 }) {
            axis.low /= 3
            axis.ticks.insert(Tick(value: 0, label: "0"), at: 0)
        }
        return axis
    }

    /// Nothing to everything, in percent.
    static func shares(_ title: String) -> Axis {
        let ticks = [0, 25, 50, 75, 100].map { Tick(value: Double($0) / 100, label: "\($0) %") }
        return Axis(title: title, low: 0, high: 1, ticks: ticks)
    }

    /// Layers, counted from 0.
    static func layers(_ count: Int) -> Axis {
        let step = max(1, Int(roundStep(above: Double(count) / 10)))
        let ticks = stride(from: 0, to: count, by: step).map { Tick(value: Double($0), label: "\($0)") }
        return Axis(title: "layer", low: -0.5, high: Double(count) - 0.5, ticks: ticks)
    }

    /// 1, 2 or 5 times a power of ten, at least `least`.
    private static func roundStep(above least: Double) -> Double {
        let power = pow(10, floor(log10(least)))
        let scaled = least / power
        return power * (scaled <= 1 + 1e-9 ? 1 : scaled <= 2 ? 2 : scaled <= 5 ? 5 : 10)
    }
}
