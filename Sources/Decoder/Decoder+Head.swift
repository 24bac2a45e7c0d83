package import Kernels
internal import Machine
internal import Tensors
internal import WeightStore

/// Which logits are computed exactly.
package struct HeadScope: Sendable {
    /// How many, where the store can foretell the others; `nil` is all.
    package var candidates: Int?
    /// Where nothing is foretold: those that are no further than this below the largest. Others may be less exact, as long as
    /// they are further below; `nil` is all.
    package var reach: Float?

    package init(candidates: Int? = nil, reach: Float? = nil) {
        self.candidates = candidates
        self.reach = reach
    }
}

/// The head: logits of residual streams, all of them exactly or only those that may matter.
///
/// With a preview the head is first foretold by a matrix of low rank; the rows of the largest logits are then computed
/// exactly, and the others stay as they were foretold. With rough rows upper bounds come first, and then the rows that
/// may reach the largest logit. What is computed does not depend on what is in memory.
extension Decoder {
    /// Writes the logits of the residual stream that every worker has; every worker calls it.
    func head(_ scope: HeadScope, _ worker: Worker) {
        let own = scratch.workers[worker.index]
        let normed = prepare(weights.outputNorm, own)
        let input = StepInput(values: normed, activations: own.input)
        if worker.index == 0 { scratch.logitFloor[0] = -.infinity }
        if let candidates = scope.candidates, let preview = weights.preview {
            foretell(preview, input, worker)
            worker.barrier()
            if worker.index == 0 { kernels.keepLargest(candidates, of: logits, into: scratch.wantedRows) }
            worker.barrier()
            computeWanted(input, worker)
        } else if let reach = scope.reach, let bounds = weights.headBounds {
            computeLargest(within: reach, bounds, input, worker)
        } else {
            computeAll(input, worker)
        }
    }

    private func computeAll(_ input: StepInput, _ worker: Worker) {
        if weights.outputRecords == nil {
            while let rows = takeOutputs(headShare, of: parameters.vocabulary, unit: Self.headRows, worker) {
                kernels.dot(
                    into: logits, weights.output, input.activations, values: input.values, rows: rows)
            }
        } else {
            forEachFetchedPart(of: nil, worker) { part in
                let share = worker.share(of: part.count, unit: 64)
                kernels.dot(
                    into: logits, weights.output, input.activations, values: input.values,
                    rows: part.lowerBound + share.lowerBound..<part.lowerBound + share.upperBound)
            }
        }
    }

    /// The logits that `scratch.wantedRows` keeps.
    private func computeWanted(_ input: StepInput, _ worker: Worker) {
        forEachFetchedPart(of: scratch.wantedRows.words, worker) { part in
            for rows in worker.pieces(of: part, unit: Self.keptRows) {
                kernels.dot(
                    into: logits, weights.output, input.activations, values: input.values,
                    mask: scratch.wantedRows, rows: rows, scratch: scratch.workers[worker.index].kernel)
            }
        }
    }

    /// The logits that are no more than `reach` below the largest; others stay at bounds that are further below.
    ///
    /// What the row with the largest bound comes to, the largest logit reaches at least.
    private func computeLargest(
        within reach: Float, _ bounds: RoughMatrix, _ input: StepInput, _ worker: Worker
    ) {
        let own = scratch.workers[worker.index]
        kernels.prepare(
            own.roughInput, bounds, input.activations, values: input.values,
            isFloat: weights.output.form.code.isFloat)
        while let rows = takeOutputs(headShare + 1, of: parameters.vocabulary, unit: Self.boundRows, worker) {
            kernels.bound(into: logits, bounds, own.roughInput, rows: rows)
        }
        worker.barrier()
        let wanted = scratch.wantedRows
        if worker.index == 0 { wanted.keepOnly(CollectionOfOne(kernels.argmax(logits))) }
        worker.barrier()
        computeWanted(input, worker)
        worker.barrier()
        if worker.index == 0 {
            let first = wanted.firstKept ?? 0
            let least = logits[first] - reach
            scratch.logitFloor[0] = least
            tallied.add(boundedTokens: 1, headRows: kernels.keep(logits, from: least, into: wanted))
        }
        worker.barrier()
        computeWanted(input, worker)
    }

    /// Logits that are less may be more than they should be, yet they are less: -∞ when all are exact.
    package var logitFloor: Float { scratch.logitFloor[0] }

    /// Makes the logit of `token` exact that the last step or prefill left at a bound.
    package func refineLogit(of token: Int) {
        scratch.wantedRows.keepOnly(CollectionOfOne(token))
        tallied.add(headRows: 1)
        pool.run { worker in computeWanted(headInput(worker), worker) }
    }

    /// Makes all logits exact that the last step or prefill left at bounds.
    package func refineAllLogits() {
        scratch.logitFloor[0] = -.infinity
        scratch.shares.reset()
        tallied.add(headRows: parameters.vocabulary)
        pool.run { worker in computeAll(headInput(worker), worker) }
    }

    /// What the head saw last: workers still have it.
    private func headInput(_ worker: Worker) -> StepInput {
        let own = scratch.workers[worker.index]
        return StepInput(
            values: FloatSlice(own.normed, 0..<parameters.embedding), activations: own.input)
    }

    private func foretell(_ preview: HeadPreview, _ input: StepInput, _ worker: Worker) {
        let own = scratch.workers[worker.index]
        reduce(preview, input, own)
        while let outputs = takeOutputs(
            headShare + 1, of: parameters.vocabulary, unit: Self.previewOutputs, worker)
        {
            multiply(preview, own, into: logits, outputs)
        }
    }

    private func multiply(
        _ preview: HeadPreview, _ own: WorkerScratch, into logits: FloatSlice, _ outputs: Range<Int>
    ) {
        logits[outputs].copy(FloatSlice(preview.base, outputs))
        kernels.addChannels(
            into: logits, preview.weights, own.reducedInput, values: own.reduced, outputs: outputs)
    }

    /// `basis · x`, each worker for itself: it is small.
    private func reduce(_ preview: HeadPreview, _ input: StepInput, _ own: WorkerScratch) {
        kernels.dot(
            into: own.reduced, preview.basis, input.activations, values: input.values,
            rows: 0..<preview.basis.rows)
        kernels.quantize(own.reduced, into: own.reducedInput)
    }

    private var headShare: Int { Phase.count * parameters.layers }

    /// Rows of the head that a worker takes at a time: more than a megabyte, so that reading begins anew seldom.
    private static let headRows = 2048
    /// Outputs of the preview that a worker takes at a time, in whole panels.
    private static let previewOutputs = 32 * PanelLayout.width
    /// The same where few are computed.
    private static let keptRows = 1024
    /// The same of rough rows, which are shorter.
    private static let boundRows = 4096

    /// The head alone, for the residual stream of a token that a prefill has computed.
    func computeLogits(of residual: FloatSlice, _ scope: HeadScope) {
        scratch.shares.reset()
        pool.run { worker in
            scratch.workers[worker.index].residual.copy(residual)
            head(scope, worker)
        }
    }

    /// Calls `body` with the logits of each token of `residuals`, and of `other` where it is given, which
    /// holds as many. Called on all workers at once, each for its own tokens.
    ///
    /// - Parameters:
    ///   - tokens: which of them, all by default; `body` is told the place in this list.
    ///   - candidates: how many logits of `other` are exact, the others foretold; all by default.
    package func forEachLogits(
        _ residuals: Residuals, and other: Residuals? = nil, tokens: [Int]? = nil,
        candidates: Int? = nil, precision: ActivationPrecision,
        _ body: @Sendable (Int, FloatSlice, FloatSlice?) -> Void
    ) {
        precondition(other == nil || other?.count == residuals.count, "\(residuals.count) tokens")
        let tokens = tokens ?? Array(0..<residuals.count)
        let previews =
            candidates == nil || weights.preview == nil
            ? [] : (0..<threadCount).map { _ in PreviewScratch(parameters.vocabulary) }
        for start in stride(from: 0, to: tokens.count, by: batch.headRows) {
            let count = min(batch.headRows, tokens.count - start)
            let first = batch.logits[0].first(count)
            let second = batch.logits[1].first(count)
            pool.run { worker in
                head({ residuals[tokens[start + $0]] }, into: first, precision, worker)
                if let other { head({ other[tokens[start + $0]] }, into: second, precision, worker) }
                for row in worker.share(of: count) {
                    if let other, let candidates, !previews.isEmpty {
                        foretell(
                            second[row], but: candidates, of: other[tokens[start + row]],
                            previews[worker.index], worker)
                    }
                    body(start + row, first[row], other == nil ? nil : second[row])
                }
            }
        }
    }

    /// What one worker needs to foretell the logits of one token.
    private struct PreviewScratch: Sendable {
        let logits: FloatSlice
        let candidates: KeepMask

        init(_ vocabulary: Int) {
            logits = FloatSlice(SharedBuffer(count: WeightForm.padded(vocabulary)), 0..<vocabulary)
            candidates = KeepMask(count: vocabulary)
        }
    }

    /// Puts what is foretold in place of all logits but the candidates.
    private func foretell(
        _ logits: FloatSlice, but candidates: Int, of residual: FloatSlice, _ place: PreviewScratch,
        _ worker: Worker
    ) {
        guard let preview = weights.preview else { return }
        let own = scratch.workers[worker.index]
        own.residual.copy(residual)
        let normed = prepare(weights.outputNorm, own)
        reduce(preview, StepInput(values: normed, activations: own.input), own)
        multiply(preview, own, into: place.logits, 0..<parameters.vocabulary)
        kernels.keepLargest(candidates, of: place.logits, into: place.candidates)
        kernels.replace(logits, by: place.logits, unless: place.candidates)
    }

    /// Writes the logits of as many residual streams as `logits` has rows; ends with a barrier.
    func head(
        _ residual: (Int) -> FloatSlice, into logits: FloatRows, _ precision: ActivationPrecision,
        _ worker: Worker
    ) {
        for row in worker.share(of: logits.count) {
            kernels.rmsNorm(
                residual(row), gain: weights.outputNorm, epsilon: parameters.rmsEpsilon,
                into: batch.input.row(row))
            batch.input.quantize(row, precision, kernels)
        }
        worker.barrier()
        forEachFetchedPart(of: nil, worker) { part in multiplyHead(into: logits, part, precision, worker) }
        worker.barrier()
    }

    /// This worker's share of the products of `rows` of the head with the batch's input.
    private func multiplyHead(
        into logits: FloatRows, _ rows: Range<Int>, _ precision: ActivationPrecision, _ worker: Worker
    ) {
        let share = worker.share(of: rows.count, unit: 64)
        batch.input.multiply(
            into: logits, spare: precision == .int16 ? batch.spareLogits.first(logits.count) : logits,
            weights.output,
            rows: rows.lowerBound + share.lowerBound..<rows.lowerBound + share.upperBound, precision, kernels,
            scratch.workers[worker.index].kernel)
    }

    /// The residual stream of a token as the head sees it.
    package func normalise(_ residuals: Residuals, row: Int, into out: FloatSlice) {
        kernels.rmsNorm(
            residuals[row], gain: weights.outputNorm, epsilon: parameters.rmsEpsilon, into: out)
    }

    /// `W v` for a few vectors of the embedding's width, where W is the head: `products[i][row]`.
    package func headProducts(_ vectors: [FloatSlice], into products: FloatRows) {
        precondition(vectors.count <= batch.headRows && products.count == vectors.count, "\(vectors.count)")
        pool.run { worker in
            for row in worker.share(of: vectors.count) {
                batch.input.row(row).copy(vectors[row])
                batch.input.quantize(row, .int16, kernels)
            }
            worker.barrier()
            multiplyHead(into: products, 0..<parameters.vocabulary, .int16, worker)
        }
    }

    /// How many vectors `headProducts` takes at a time.
    package var headBatch: Int { batch.headRows }
}
