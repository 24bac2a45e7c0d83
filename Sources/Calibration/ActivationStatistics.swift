package import Decoder
package import Kernels
package import Machine
internal import WeightStore

/// Watches activations: sums over everything, histograms of their magnitudes window by window.
///
/// Memory does not grow with the text: 128 KiB a histogram, one for each kind, layer and thread.
package final class ActivationStatistics: ActivationObserver {
    /// What to do with an activation before its magnitude is counted.
    package enum Measure: Sendable {
        case plain
        /// Times a factor per channel, `[layers][width]`.
        case weighted([SharedBuffer<Float>])
        /// Less a center per channel, `[layers][width]`.
        case centered([SharedBuffer<Float>])
    }

    private let measures: [ObservedActivation: Measure]
    private let layers: Int
    private let workers: Int
    private let histograms: [ObservedActivation: [MagnitudeHistogram]]
    private let moments: [ObservedActivation: [MomentSums]]
    private let differences: [ObservedActivation: [FloatSlice]]
    private let kernels: KernelSet

    /// - Parameters:
    ///   - measures: activations whose magnitudes are counted, and how.
    ///   - moments: activations whose sums are kept.
    package init(
        _ decoder: Decoder, measures: [ObservedActivation: Measure], moments: [ObservedActivation]
    ) {
        self.measures = measures
        layers = decoder.parameters.layers
        workers = decoder.threadCount
        kernels = decoder.kernels
        let slots = layers * workers
        histograms = measures.mapValues { _ in (0..<slots).map { _ in MagnitudeHistogram() } }
        var sums: [ObservedActivation: [MomentSums]] = [:]
        for activation in moments {
            let width = activation.width(decoder.parameters)
            sums[activation] = (0..<slots).map { _ in MomentSums(count: width) }
        }
        self.moments = sums
        var differences: [ObservedActivation: [FloatSlice]] = [:]
        for activation in measures.keys {
            let width = activation.width(decoder.parameters)
            differences[activation] = (0..<decoder.threadCount).map { _ in
                FloatSlice(SharedBuffer(count: (width + 63) / 64 * 64), 0..<width)
            }
        }
        self.differences = differences
    }

    package func observe(
        _ values: FloatSlice, _ activation: ObservedActivation, layer: Int, worker: Int
    ) {
        let slot = layer * workers + worker
        if let sums = moments[activation] { sums[slot].add(values) }
        guard let histogram = histograms[activation]?[slot], let measure = measures[activation] else {
            return
        }
        switch measure {
        case .plain: histogram.add(values)
        case .weighted(let weights): histogram.add(values, weights: FloatSlice(weights[layer]))
        case .centered(let centers):
            guard let difference = differences[activation]?[worker] else { return }
            kernels.subtract(FloatSlice(centers[layer]), from: values, into: difference)
            histogram.add(difference)
        }
    }

    /// Adds the histograms of the window that has just ended to `curves`, one per layer, and empties them.
    package func endWindow(_ curves: inout [ObservedActivation: [QuantileCurve]]) {
        for (activation, slots) in histograms {
            var layerCurves =
                curves[activation] ?? [QuantileCurve](repeating: QuantileCurve(), count: layers)
            for layer in 0..<layers {
                var bins = [UInt64](repeating: 0, count: MagnitudeHistogram.binCount)
                for worker in 0..<workers {
                    slots[layer * workers + worker].add(to: &bins)
                    slots[layer * workers + worker].reset()
                }
                layerCurves[layer].add(bins: bins)
            }
            curves[activation] = layerCurves
        }
    }

    /// Sums over all tokens, of one layer.
    package func sums(
        _ activation: ObservedActivation, layer: Int, _ kind: KeyPath<MomentSums, [Double]>
    ) -> [Double] {
        guard let slots = moments[activation] else { return [] }
        var total = [Double](repeating: 0, count: slots[0].count)
        for worker in 0..<workers {
            let part = slots[layer * workers + worker][keyPath: kind]
            for index in total.indices { total[index] += part[index] }
        }
        return total
    }
}

extension ObservedActivation {
    func width(_ model: ModelParameters) -> Int {
        switch self {
        case .attentionInput, .feedForwardInput: model.embedding
        case .attentionOutput: model.heads * model.headDimension
        case .gate, .up, .hidden: model.feedForward
        }
    }
}
