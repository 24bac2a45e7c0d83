package import Decoder
internal import Kernels
internal import Machine
internal import WeightStore

/// Decoding token by token beside the dense model: sees what depends on the weights that are in memory.
package struct SteppedScore: Sendable, Equatable {
    /// Mean `KL(dense || stepped)` in nats. Stepping rounds activations of the layers to 8 bits, so that the difference of
    /// two such figures says more than each alone.
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
    ///   - precision: of the logits.
    /// - Throws: a `StoreError` when weights could not be read.
    package func stepped(
        _ decoder: Decoder, _ plan: SparsityPlan, tokens: Int, warmUp: Int,
        precision: ActivationPrecision = .int16, progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> SteppedScore {
        let window = windows[0]
        // The last token has nothing to predict.
        let count = min(tokens, decoder.context, window.tokens.count - 1)
        let first = min(warmUp, count / 2)
        let stepped = Residuals(decoder.parameters, count: window.residuals.count)
        for index in 0..<count {
            // All logits are wanted, but of many tokens at a time: a head that is not in memory is read once for those.
            decoder.step(window.tokens[index], at: index, plan: plan, reach: 0)
            if let fault = decoder.takeFault() { throw fault }
            decoder.copyResidual(to: stepped, row: index)
            progress(index + 1, count)
        }
        let counted = Array(first..<count)
        let divergences = SharedBuffer<Double>(count: counted.count)
        let losses = SharedBuffer<Double>(count: counted.count)
        let kernels = decoder.kernels
        decoder.forEachLogits(
            window.residuals, and: stepped, tokens: counted, candidates: plan.headCandidates,
            precision: precision
        ) { place, dense, sparse in
            guard let sparse else { return }
            divergences[place] = kernels.divergence(of: dense, from: sparse)
            losses[place] = kernels.loss(sparse, of: window.tokens[counted[place] + 1])
        }
        if let fault = decoder.takeFault() { throw fault }
        func mean(_ values: SharedBuffer<Double>) -> Double {
            values.elements(0..<counted.count).reduce(0, +) / Double(max(counted.count, 1))
        }
        return SteppedScore(divergence: mean(divergences), loss: mean(losses))
    }
}
