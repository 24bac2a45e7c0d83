package import Kernels
internal import Machine
package import WeightStore

/// The residual streams of consecutive tokens, `[count, embedding]`.
package struct Residuals: Sendable {
    package let count: Int
    let rows: BatchScratch.Rows

    package init(_ model: ModelParameters, count: Int) {
        self.count = count
        rows = BatchScratch.Rows(count, model.embedding)
    }

    subscript(row: Int) -> FloatSlice { rows.first(count)[row] }
}

/// Where a batch begins: at tokens, or in the middle of the layers.
package enum BatchSource: Sendable {
    case tokens([Int32])
    case residuals(Residuals)

    package var count: Int {
        switch self {
        case .tokens(let tokens): tokens.count
        case .residuals(let residuals): residuals.count
        }
    }
}

/// Sees the activations of every token of a batch; called on all workers at once, each for its own tokens.
package protocol ActivationObserver: Sendable {
    func observe(_ values: FloatSlice, _ activation: ObservedActivation, layer: Int, worker: Int)
}

/// What an observer may see, in the order of a layer.
package enum ObservedActivation: Sendable {
    /// Input of `q_proj`, `k_proj` and `v_proj`.
    case attentionInput
    /// Input of `o_proj`.
    case attentionOutput
    /// Input of gate and `up`.
    case feedForwardInput
    /// Activated.
    case gate
    case up
    /// Their product, the input of `down`.
    case hidden
}

/// How a batch is to be evaluated.
package struct BatchOptions: Sendable {
    /// Applied to every token.
    package var plan: SparsityPlan?
    package var precision: ActivationPrecision
    package var observer: (any ActivationObserver)?

    package init(
        plan: SparsityPlan? = nil, precision: ActivationPrecision = .int8,
        observer: (any ActivationObserver)? = nil
    ) {
        self.plan = plan
        self.precision = precision
        self.observer = observer
    }
}

/// Batches of tokens through the layers: each weight is unpacked once and meets every token.
extension Decoder {
    /// Evaluates the tokens of `source` as numbers `position...` through `layers`, all by default.
    ///
    /// - Parameters:
    ///   - output: takes the residual streams after the last of the layers; may be the source.
    ///   - isCancelled: asked at each layer.
    /// - Returns: false when it was cancelled, or after a fault.
    package func evaluate(
        _ source: BatchSource, at position: Int, layers: Range<Int>? = nil,
        options: BatchOptions = BatchOptions(), output: Residuals? = nil,
        isCancelled: @Sendable () -> Bool = { false }
    ) -> Bool {
        let count = source.count
        precondition(count > 0 && position >= 0 && position + count <= context, "\(position)+\(count)")
        precondition(output == nil || output?.count == count, "output of \(count) tokens")
        makeRoom(upTo: position + count)
        for start in stride(from: 0, to: count, by: batch.capacity) {
            let rows = start..<min(start + batch.capacity, count)
            guard
                evaluateBatch(
                    source, rows, position, layers ?? weights.layers.indices, options, isCancelled)
            else { return false }
            if let output {
                let residual = batch.residual.first(rows.count)
                for row in rows { output[row].copy(residual[row - start]) }
            }
        }
        return true
    }

    /// Evaluates `rows` of the source; their residual streams stay in `batch.residual`.
    func evaluateBatch(
        _ source: BatchSource, _ rows: Range<Int>, _ position: Int, _ layers: Range<Int>,
        _ options: BatchOptions, _ isCancelled: @Sendable () -> Bool
    ) -> Bool {
        batch.claims.reset()
        batch.isStopped[0] = 0
        let pass = BatchPass(
            decoder: self, options: options, position: position + rows.lowerBound, count: rows.count)
        pool.run { worker in
            if case .tokens(let tokens) = source {
                guard bringEmbedding(of: tokens[rows], worker) else { return }
            }
            for row in worker.share(of: rows.count) {
                load(source, rows.lowerBound + row, row, position)
            }
            if case .tokens = source { keep(weights.embeddingRecords, worker) }
            worker.barrier()
            for index in layers {
                if worker.index == 0 && isCancelled() { batch.isStopped[0] = 1 }
                guard pass.attention(index, worker), batch.isStopped[0] == 0,
                    pass.feedForward(index, worker)
                else { return }
            }
        }
        tallied.add(tokens: rows.count)
        return batch.isStopped[0] == 0 && !hasFault
    }

    /// The stream that token `index` of the source begins with, and the angles of its position.
    private func load(_ source: BatchSource, _ index: Int, _ row: Int, _ position: Int) {
        let residual = batch.residual.first(batch.capacity)[row]
        switch source {
        case .tokens(let tokens):
            precondition(tokens[index] >= 0 && tokens[index] < parameters.vocabulary, "\(tokens[index])")
            kernels.decodeRow(Int(tokens[index]), of: weights.embedding, into: residual)
        case .residuals(let residuals): residual.copy(residuals[index])
        }
        let pairs = parameters.rope.dimension / 2
        rotary.fill(
            position: position + index, cosines: batch.cosines, sines: batch.sines, from: row * pairs)
    }
}
