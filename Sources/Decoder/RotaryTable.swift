internal import Glibc
internal import Machine
package import WeightStore

/// The angles by which rotary embedding turns the pairs of a head at a position.
///
/// `theta[i] = position · frequency[i]`; cosines and sines are multiplied by `magnitude` (1 except for YaRN).
/// Source: Su et al. 2021 (RoFormer); scaling: Chen et al. 2023 (linear), Peng et al. 2023 (YaRN).
package struct RotaryTable: Sendable {
    /// `[dimension / 2]`, radians per position.
    package let frequencies: [Float]
    package let magnitude: Float

    /// - Parameter divisors: `[dimension / 2]`, the model's `rope_freqs`; empty when it has none.
    package init(_ parameters: RotaryParameters, divisors: [Float]) {
        let pairs = parameters.dimension / 2
        precondition(
            divisors.isEmpty || divisors.count == pairs, "\(divisors.count) divisors for \(pairs) pairs")
        let plain = (0..<pairs).map { pair in
            let base = powf(parameters.base, -2 * Float(pair) / Float(parameters.dimension))
            return divisors.isEmpty ? base : base / divisors[pair]
        }
        switch parameters.scaling {
        case .none:
            frequencies = plain
            magnitude = 1
        case .linear(let factor):
            frequencies = plain.map { $0 / factor }
            magnitude = 1
        case .yarn(let factor, let context, let extrapolation, let attention, let betaFast, let betaSlow):
            let low = Self.correction(parameters, context: context, rotations: betaFast).rounded(.down)
            let high = Self.correction(parameters, context: context, rotations: betaSlow).rounded(.up)
            let (first, last) = (max(0, low), min(Float(parameters.dimension - 1), high))
            frequencies = plain.enumerated().map { pair, frequency in
                let ramp = (Float(pair) - first) / max(0.001, last - first)
                let keep = (1 - min(1, max(0, ramp))) * extrapolation
                return frequency / factor * (1 - keep) + frequency * keep
            }
            magnitude = extrapolation == 0 ? attention : attention * (1 + 0.1 * logf(factor))
        }
    }

    /// The pair whose wavelength fits `rotations` times into the trained context (YaRN, equation 17 ff.).
    private static func correction(_ rope: RotaryParameters, context: Int, rotations: Float) -> Float {
        let ratio = Float(context) / (rotations * 2 * Float.pi)
        return Float(rope.dimension) * logf(ratio) / (2 * logf(rope.base))
    }

    /// Writes the cosines and sines of `position` into `[dimension / 2]` each, from element `start` on.
    func fill(position: Int, cosines: SharedBuffer<Float>, sines: SharedBuffer<Float>, from start: Int) {
        for pair in 0..<frequencies.count {
            let theta = Float(position) * frequencies[pair]
            cosines[start + pair] = cosf(theta) * magnitude
            sines[start + pair] = sinf(theta) * magnitude
        }
    }
}
