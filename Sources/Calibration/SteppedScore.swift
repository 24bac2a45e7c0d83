package import Decoder
internal import Kernels
internal import Machine
internal import WeightStore

/// Decoding token by token beside the dense model: sees what depends on the weights that are in memory.
package struct SteppedScore: Sendable, Equatable {
    /// Mean `KL(dense || stepped)` in nats. Stepping rounds activations to 8 bits, so that the difference of two
    /// such figures says more than each alone.
    package var divergence: Double
    /// Mean loss in nats.
    package var loss: Double

    package init(divergence: Double, loss: Double) {
        self.divergence = divergence
        self.loss = loss
    }
}

extension DenseReference {
    /// Steps `decoder`, of the same model as the reference, through the first window.
    ///
    /// - Parameters:
    ///   - tokens: steps at most; the decoder's context has room for them.
    ///   - warmUp: steps at the front that are not counted, so that memory holds what a longer text leaves there.
    ///   - precision: of the reference's logits.
    /// - Throws: a `StoreError` when weights could not be read.
    package func stepped(
        _ decoder: Decoder, _ plan: SparsityPlan, tokens: Int, warmUp: Int,
        precision: ActivationPrecision = .int16, progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> SteppedScore {
        let window = windows[0]
        // The last token has nothing to predict.
        let count = min(tokens, decoder.context, window.tokens.count - 1)
        let first = min(warmUp, count / 2)
        let kernels = decoder.kernels
        var sum = SteppedScore(divergence: 0, loss: 0)
        for index in 0..<count {
            decoder.step(window.tokens[index], at: index, plan: plan)
            if let fault = decoder.takeFault() { throw fault }
            progress(index + 1, count)
            guard index >= first else { continue }
            let logits = decoder.logits
            let divergence = SharedBuffer<Double>(count: 1)
            decoder.forEachLogits(window.residuals, tokens: [index], precision: precision) { _, dense, _ in
                divergence[0] = kernels.divergence(of: dense, from: logits)
            }
            sum.divergence += divergence[0]
            sum.loss += kernels.loss(logits, of: window.tokens[index + 1])
        }
        let counted = Double(max(count - first, 1))
        return SteppedScore(divergence: sum.divergence / counted, loss: sum.loss / counted)
    }
}
