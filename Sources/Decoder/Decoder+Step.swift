internal import Kernels
internal import Machine
internal import Tensors
internal import WeightStore

/// One token through all layers.
///
/// Workers split the outputs of a matrix, or take chunks of its channels whose sums are added in order: neither
/// depends on the split, so the logits are the same bits for every thread count. Between the phases they meet
/// at a barrier, five times a layer. Each keeps the residual stream for itself.
extension Decoder {
    /// Evaluates `token` as number `position` of the sequence; afterwards `logits` holds its prediction.
    ///
    /// - Parameters:
    ///   - plan: channels to leave out; dense without one.
    ///   - reach: see `HeadScope.reach`.
    package func step(_ token: Int32, at position: Int, plan: SparsityPlan? = nil, reach: Float? = nil) {
        let scope = HeadScope(candidates: plan?.headCandidates, reach: reach)
        step(token, at: position, plan: plan, head: scope)
    }

    /// The same, with another head than the plan's.
    func step(_ token: Int32, at position: Int, plan: SparsityPlan?, head scope: HeadScope) {
        precondition(position >= 0 && position < context, "\(position) of \(context)")
        precondition(token >= 0 && token < parameters.vocabulary, "\(token) of \(parameters.vocabulary)")
        makeRoom(upTo: position + 1)
        scratch.shares.reset()
        fillAngles(position)
        pool.run { worker in
            let residual = scratch.workers[worker.index].residual
            guard bringEmbedding(of: CollectionOfOne(token), worker) else { return }
            kernels.decodeRow(Int(token), of: weights.embedding, into: residual)
            keep(weights.embeddingRecords, worker)
            for index in weights.layers.indices {
                let sparse = plan?.layers[index]
                guard attention(index, position, sparse, worker), feedForward(index, sparse, worker) else {
                    return
                }
            }
            head(scope, worker)
        }
        tallied.add(tokens: 1)
    }

    /// Copies the residual stream that the last step has left to a row of `residuals`.
    package func copyResidual(to residuals: Residuals, row: Int) {
        residuals[row].copy(scratch.workers[0].residual)
    }

    private func fillAngles(_ position: Int) {
        rotary.fill(position: position, cosines: scratch.cosines, sines: scratch.sines, from: 0)
    }

    /// Normalises the residual stream and quantises it, each worker for itself.
    func prepare(_ gain: SharedBuffer<Float>, _ own: WorkerScratch) -> FloatSlice {
        let normed = FloatSlice(own.normed, 0..<parameters.embedding)
        kernels.rmsNorm(own.residual, gain: gain, epsilon: parameters.rmsEpsilon, into: normed)
        kernels.quantize(normed, into: own.input)
        return normed
    }

    /// Returns false when weights could not be had.
    private func attention(
        _ index: Int, _ position: Int, _ sparse: SparsityPlan.Layer?, _ worker: Worker
    ) -> Bool {
        let layer = weights.layers[index]
        let own = scratch.workers[worker.index]
        let normed = prepare(layer.attentionNorm, own)
        let dense = StepInput(values: normed, activations: own.input)
        // Before the queries, of which those who have finished take more.
        keysAndValues(index, layer, position, dense, sparse?.keyValueInput, worker)
        let input = masked(dense, sparse?.queryInput, own.sparseInput, .queryInput, index, worker)
        guard bring(layer.cached.query, input.mask?.words, worker) else { return false }
        addChunks(scratch.queryParts, layer.query, input, .query, index, worker)
        keep(layer.cached.query, worker)
        worker.barrier()
        attend(index, position, sparse, worker)
        worker.barrier()
        let mixed = FloatSlice(scratch.mixed, 0..<layer.query.outputs)
        // With a center it is the distance from it that is quantised.
        if sparse?.attentionOutput?.rule.center == nil { kernels.quantize(mixed, into: own.mixed) }
        let output = masked(
            StepInput(values: mixed, activations: own.mixed), sparse?.attentionOutput, own.sparseMixed,
            .attentionOutput, index, worker)
        guard bring(layer.cached.attentionOutput, output.mask?.words, worker) else { return false }
        addChunks(scratch.outputParts, layer.attentionOutput, output, .output, index, worker)
        keep(layer.cached.attentionOutput, worker)
        worker.barrier()
        if let bias = layer.attentionOutputBias { kernels.add(FloatSlice(bias), to: own.residual) }
        if let base = sparse?.attentionOutput?.base.first {
            kernels.add(FloatSlice(base, 0..<parameters.embedding), to: own.residual)
        }
        kernels.add(scratch.outputParts.sums, from: 0, to: own.residual)
        return true
    }

    /// Takes chunks of channels and leaves their products in `parts`. Of panels, where there are enough for all, it takes
    /// one after another with all its chunks: memory is read in order, and the sums are the same.
    private func addChunks(
        _ parts: Partials, _ weights: ChannelMatrix, _ input: StepInput, _ phase: Phase, _ index: Int,
        _ worker: Worker
    ) {
        let panels = weights.outputs / PanelLayout.width
        if weights.isInPanels, panels >= 2 * worker.count {
            let unit = PanelLayout.width * max(1, panels / (3 * worker.count))
            while let outputs = takeOutputs(row(phase, index), of: weights.outputs, unit: unit, worker) {
                kernels.addChannels(
                    into: parts.sums, blocks: parts.blocks, weights, input.activations,
                    values: input.values, mask: input.mask, outputs: outputs)
            }
            return
        }
        while let chunk = take(phase, index, of: parts.sums.count, worker) {
            let sum = parts.sums[chunk][0..<weights.outputs]
            sum.clear()
            kernels.addChannels(
                into: sum, weights, input.activations, values: input.values, mask: input.mask,
                blocks: parts.blocks(chunk), outputs: 0..<weights.outputs)
        }
    }

    private func take(
        _ phase: Phase, _ index: Int, of count: Int, _ worker: Worker, isDivided: Bool = true
    ) -> Int? {
        scratch.shares.take(row(phase, index), of: count, by: worker, isDivided: isDivided)
    }

    /// That of a layer's phase; the head's come after those of all layers.
    private func row(_ phase: Phase, _ index: Int) -> Int { Phase.count * index + phase.rawValue }

    /// The next piece of `count` outputs, a multiple of `unit` but for the last, until all are taken.
    func takeOutputs(_ row: Int, of count: Int, unit: Int, _ worker: Worker) -> Range<Int>? {
        let pieces = (count + unit - 1) / unit
        guard let piece = scratch.shares.take(row, of: pieces, by: worker) else { return nil }
        return piece * unit..<min((piece + 1) * unit, count)
    }

    /// Sets `vector` to the bias, or to zero where the model has none.
    private func start(_ vector: FloatSlice, _ bias: FloatSlice?) {
        if let bias { vector.copy(bias) } else { vector.clear() }
    }

    /// Whole heads per worker, keys first, so that each can turn and store what it has just computed.
    private func keysAndValues(
        _ index: Int, _ layer: ModelWeights.Layer, _ position: Int, _ dense: StepInput,
        _ sparse: SparsityPlan.Input?, _ worker: Worker
    ) {
        let heads = parameters.keyValueHeads
        let width = parameters.headDimension
        let own = scratch.workers[worker.index]
        let input = sparse.map { dropped(dense, $0, own.sparseInput, .keyValueInput, index, worker) } ?? dense
        let share = worker.share(of: 2 * heads)
        for isKey in [true, false] {
            let first = isKey ? 0 : heads
            let own = share.clamped(to: first..<first + heads)
            guard !own.isEmpty else { continue }
            let rows = (own.lowerBound - first) * width..<(own.upperBound - first) * width
            let vector = FloatSlice(isKey ? scratch.keys : scratch.values, 0..<heads * width)
            kernels.dot(
                into: vector, isKey ? layer.key : layer.value, input.activations, values: input.values,
                rows: rows)
            if let base = sparse?.base, !base.isEmpty {
                kernels.add(FloatSlice(base[isKey ? 0 : 1], rows), to: vector[rows])
            }
            if let bias = isKey ? layer.keyBias : layer.valueBias {
                kernels.add(FloatSlice(bias, rows), to: vector[rows])
            }
            if isKey { turn(vector[rows], heads: own.count, gain: layer.keyNorm, index) }
            for head in own.lowerBound - first..<own.upperBound - first {
                let one = vector[head * width..<(head + 1) * width]
                if isKey {
                    cache.storeKey(one, layer: index, head: head, position: position, with: kernels)
                } else {
                    cache.storeValue(one, layer: index, head: head, position: position, with: kernels)
                }
            }
        }
    }

    private func turn(_ heads: FloatSlice, heads count: Int, gain: SharedBuffer<Float>?, _ index: Int) {
        turn(
            heads, heads: count, gain: gain, layer: index, cosines: FloatSlice(scratch.cosines),
            sines: FloatSlice(scratch.sines))
    }

    /// Normalises heads of one token, each with the gain, where the model does, and turns them by the angles of its position.
    func turn(
        _ heads: FloatSlice, heads count: Int, gain: SharedBuffer<Float>?, layer: Int, cosines: FloatSlice,
        sines: FloatSlice
    ) {
        if let gain {
            let width = parameters.headDimension
            for head in 0..<count {
                let one = heads[head * width..<(head + 1) * width]
                kernels.rmsNorm(one, gain: gain, epsilon: parameters.rmsEpsilon, into: one)
            }
        }
        guard parameters.turns(layer: layer) else { return }
        kernels.rotate(
            heads, heads: count, cosines: cosines, sines: sines,
            interleaved: parameters.rope.style == .interleaved)
    }

    /// Each worker has as many key/value heads as the others, or single query heads when there are too few of those.
    private func attend(
        _ index: Int, _ position: Int, _ sparse: SparsityPlan.Layer?, _ worker: Worker
    ) {
        let group = parameters.heads / parameters.keyValueHeads
        let width = parameters.headDimension
        let size = parameters.keyValueHeads % worker.count == 0 ? group : 1
        let own = scratch.workers[worker.index]
        let layer = weights.layers[index]
        let heads = worker.share(of: parameters.heads, unit: size)
        guard !heads.isEmpty else { return }
        let range = heads.lowerBound * width..<heads.upperBound * width
        let queries = FloatSlice(scratch.queries, range)
        start(queries, layer.queryBias.map { FloatSlice($0, range) })
        if let base = sparse?.queryInput?.base.first { kernels.add(FloatSlice(base, range), to: queries) }
        kernels.add(scratch.queryParts.sums, from: range.lowerBound, to: queries)
        turn(queries, heads: heads.count, gain: layer.queryNorm, index)
        for first in stride(from: heads.lowerBound, to: heads.upperBound, by: size) {
            kernels.attend(
                QueryBlock(
                    start: first * width, stride: size * width, tokens: 1, group: size,
                    headDimension: width, firstLength: position + 1),
                queries: scratch.queries, cache: cache.slice(layer: index, head: first / group),
                scale: attentionScale, into: scratch.mixed, scores: own.scores)
        }
    }

    var attentionScale: Float { 1 / Float(parameters.headDimension).squareRoot() }

    /// Returns false when weights could not be had.
    private func feedForward(_ index: Int, _ sparse: SparsityPlan.Layer?, _ worker: Worker) -> Bool {
        let layer = weights.layers[index]
        let own = scratch.workers[worker.index]
        let normed = prepare(layer.feedForwardNorm, own)
        let dense = StepInput(values: normed, activations: own.input)
        let input = masked(dense, sparse?.gateInput, own.sparseInput, .gateInput, index, worker)
        guard bring(layer.cached.gate, input.mask?.words, worker) else { return false }
        let gate = gate(layer, index, input, sparse, worker)
        keep(layer.cached.gate, worker)
        let upInput =
            sparse?.upInput.map { dropped(dense, $0, own.sparseInput, .upInput, index, worker) } ?? dense
        worker.barrier()
        let bundles = layer.cached.bundles
        guard beginBundles(bundles, index, sparse, worker) else { return false }
        let parts = scratch.feedForwardParts
        // What is read from storage comes in the order of chunks.
        let isDivided = bundles == nil
        let (up, down) = (layer.up, layer.down)
        let mask = sparse?.channels == nil ? nil : scratch.channels
        let hiddenLimit = sparse?.downInput?.limits[0] ?? 0
        while let chunk = take(.feedForward, index, of: parts.sums.count, worker, isDivided: isDivided) {
            awaitBundles(bundles, chunk: chunk, worker)
            if hasFault { break }
            let sum = parts.sums[chunk]
            sum.clear()
            let added = kernels.feedForward(
                into: sum, up: up, down: down, upInput.activations, values: upInput.values, gate: gate,
                mask: mask, hiddenLimit: hiddenLimit, blocks: parts.blocks(chunk),
                next: parts.likelyNext(chunk, worker, isDivided: isDivided), scratch: own.kernel)
            own.tally.add(added, .downInput, index)
        }
        worker.barrier()
        if hasFault { return false }
        keep(bundles, worker)
        kernels.add(parts.sums, from: 0, to: own.residual)
        return true
    }

    /// The activated gate and the mask of hidden channels, which workers compute piece by piece.
    private func gate(
        _ layer: ModelWeights.Layer, _ index: Int, _ input: StepInput, _ sparse: SparsityPlan.Layer?,
        _ worker: Worker
    ) -> FloatSlice {
        let own = scratch.workers[worker.index]
        let gate = FloatSlice(scratch.gate, 0..<parameters.feedForward)
        // A few panels, so that a thread that others slow down takes fewer; of whole channels pieces should be long.
        let panels = (parameters.feedForward + PanelLayout.width - 1) / PanelLayout.width
        let pieces = worker.count * (layer.gate.isInPanels ? 8 : 1)
        let unit = PanelLayout.width * ((panels + pieces - 1) / pieces)
        while let outputs = takeOutputs(row(.gate, index), of: parameters.feedForward, unit: unit, worker) {
            start(gate[outputs], sparse?.gateInput?.base.first.map { FloatSlice($0, outputs) })
            kernels.addChannels(
                into: gate, layer.gate, input.activations, values: input.values, mask: input.mask,
                outputs: outputs)
            kernels.activate(gate[outputs], parameters.activation.gate)
            guard let rule = sparse?.channels else { continue }
            kernels.keep(gate, by: rule, channels: outputs, into: scratch.channels)
            own.tally.add(scratch.channels.keptCount(outputs), .channels, index)
            if let urgent = sparse?.absentChannels {
                kernels.keep(gate, by: urgent, channels: outputs, into: scratch.urgentChannels)
            }
        }
        return gate
    }
}
