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
    ///   - isCancelled: asked at each layer, and more often.
    /// - Returns: false when it was cancelled, or after a fault.
    package func evaluate(
        _ source: BatchSource, at position: Int, layers: Range<Int>? = nil,
        options: BatchOptions = BatchOptions(), output: Residuals? = nil,
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) -> Bool {
        let count = source.count
        precondition(count > 0 && position >= 0 && position + count <= context, "\(position)+\(count)")
        precondition(output == nil || output?.count == count, "output of \(count) tokens")
        makeRoom(upTo: position + count)
        for start in stride(from: 0, to: count, by: batch.capacity) {
            let rows = start..<min(start + batch.capacity, count)
            guard
                evaluatePass(
                    source, rows, position, layers ?? weights.layers.indices, options, isCancelled)
            else { return false }
            if let output {
                let residual = batch.residual.first(rows.count)
                for row in rows { output[row].copy(residual[row - start]) }
            }
        }
        return true
    }

    /// Evaluates `rows` of the source; their residual streams stay in `memory`, or in `batch.residual` without it.
    ///
    /// - Parameter memory: of a pass of several batches.
    func evaluatePass(
        _ source: BatchSource, _ rows: Range<Int>, _ position: Int, _ layers: Range<Int>,
        _ options: BatchOptions, memory: PassScratch? = nil,
        _ isCancelled: @escaping @Sendable () -> Bool
    ) -> Bool {
        batch.claims.reset()
        batch.isStopped[0] = 0
        let pass = BatchPass(
            self, options, position: position + rows.lowerBound, count: rows.count, memory, isCancelled)
        pool.run { worker in
            for part in pass.parts {
                guard load(source, from: rows.lowerBound, part, pass, worker) else { return }
            }
            worker.barrier()
            for index in layers {
                guard pass.attention(index, worker), pass.feedForward(index, worker) else { return }
            }
        }
        tallied.add(tokens: rows.count)
        return batch.isStopped[0] == 0 && !hasFault
    }

    /// The streams that the tokens of a part begin with, and the angles of their positions.
    ///
    /// - Parameter start: the first token of the pass.
    /// - Returns: false when weights could not be had.
    private func load(
        _ source: BatchSource, from start: Int, _ part: BatchPass.Part, _ pass: BatchPass, _ worker: Worker
    ) -> Bool {
        let own = start + part.rows.lowerBound..<start + part.rows.upperBound
        if case .tokens(let tokens) = source {
            guard bringEmbedding(of: tokens[own], worker) else { return false }
        }
        let residual = pass.residual.rows(part.rows)
        let pairs = parameters.rope.dimension / 2
        for row in worker.share(of: part.count) {
            switch source {
            case .tokens(let tokens):
                let token = tokens[own.lowerBound + row]
                precondition(token >= 0 && token < parameters.vocabulary, "\(token)")
                kernels.decodeRow(Int(token), of: weights.embedding, into: residual[row])
            case .residuals(let residuals): residual[row].copy(residuals[own.lowerBound + row])
            }
            let number = part.rows.lowerBound + row
            rotary.fill(
                position: pass.position + number, cosines: pass.angles.cosines, sines: pass.angles.sines,
                from: number * pairs)
        }
        if case .tokens = source { keep(weights.embeddingRecords, worker) }
        return true
    }
}
