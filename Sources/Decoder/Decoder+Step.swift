internal import Kernels
internal import Machine
internal import WeightStore

/// One token through all layers.
///
/// Workers split the outputs of each matrix, whose sums do not depend on the split; between the phases they
/// meet at a barrier, five times a layer. So the logits are the same bits for every thread count.
extension Decoder {
    /// Evaluates `token` as number `position` of the sequence; afterwards `logits` holds its prediction.
    ///
    /// - Parameter plan: channels to leave out; dense without one.
    package func step(_ token: Int32, at position: Int, plan: SparsityPlan? = nil) {
        precondition(position >= 0 && position < context, "\(position) of \(context)")
        precondition(token >= 0 && token < parameters.vocabulary, "\(token) of \(parameters.vocabulary)")
        scratch.claims.reset()
        kernels.decodeRow(Int(token), of: weights.embedding, into: residual)
        fillAngles(position)
        pool.run { worker in
            for index in weights.layers.indices {
                let sparse = plan?.layers[index]
                attention(index, position, sparse, worker)
                feedForward(index, sparse, worker)
            }
            head(worker)
        }
        tallied[0] += 1
    }

    private var residual: FloatSlice { FloatSlice(scratch.residual, 0..<parameters.embedding) }

    private func fillAngles(_ position: Int) {
        let pairs = 0..<scratch.cosines.count
        scratch.cosines.withMutableSpan(pairs) { cosines in
            scratch.sines.withMutableSpan(pairs) { sines in
                rotary.fill(position: position, cosines: &cosines, sines: &sines)
            }
        }
    }

    /// Normalises the residual stream and quantises it, each worker for itself.
    private func prepare(_ gain: SharedBuffer<Float>, _ own: WorkerScratch) -> FloatSlice {
        let normed = FloatSlice(own.normed, 0..<parameters.embedding)
        kernels.rmsNorm(residual, gain: gain, epsilon: parameters.rmsEpsilon, into: normed)
        kernels.quantize(normed, into: own.input)
        return normed
    }

    private func attention(
        _ index: Int, _ position: Int, _ sparse: SparsityPlan.Layer?, _ worker: Worker
    ) {
        let layer = weights.layers[index]
        let own = scratch.workers[worker.index]
        let normed = prepare(layer.attentionNorm, own)
        let queries = FloatSlice(scratch.queries, 0..<layer.query.outputs)
        let outputs = worker.share(of: layer.query.outputs, unit: 64)
        start(queries, outputs, layer.queryBias)
        let dense = StepInput(values: normed, activations: own.input)
        addChannels(
            into: queries, layer.query, dense, sparse?.queryInput, own.sparseInput, .queryInput, index,
            outputs, worker)
        keysAndValues(index, layer, position, dense, sparse?.keyValueInput, worker)
        worker.barrier()
        attend(index, position, worker)
        worker.barrier()
        let mixed = FloatSlice(scratch.mixed, 0..<layer.query.outputs)
        // With a center it is the distance from it that is quantised.
        if sparse?.attentionOutput?.rule.center == nil { kernels.quantize(mixed, into: own.mixed) }
        let share = worker.share(of: parameters.embedding, unit: 64)
        if let bias = layer.attentionOutputBias { kernels.add(FloatSlice(bias, share), to: residual[share]) }
        addChannels(
            into: residual, layer.attentionOutput, StepInput(values: mixed, activations: own.mixed),
            sparse?.attentionOutput, own.sparseMixed, .attentionOutput, index, share, worker)
        worker.barrier()
    }

    /// Sets the share of `outputs` to the bias, or to zero where the model has none.
    private func start(_ vector: FloatSlice, _ outputs: Range<Int>, _ bias: SharedBuffer<Float>?) {
        if let bias {
            vector[outputs].copy(FloatSlice(bias, outputs))
        } else {
            vector[outputs].fill(0)
        }
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
        for unit in worker.share(of: 2 * heads) {
            let isKey = unit < heads
            let head = isKey ? unit : unit - heads
            let rows = head * width..<(head + 1) * width
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
            if isKey {
                rotate(vector[rows], heads: 1)
                cache.storeKey(vector[rows], layer: index, head: head, position: position, with: kernels)
            } else {
                cache.storeValue(vector[rows], layer: index, head: head, position: position, with: kernels)
            }
        }
    }

    private func rotate(_ heads: FloatSlice, heads count: Int) {
        kernels.rotate(
            heads, heads: count, cosines: FloatSlice(scratch.cosines), sines: FloatSlice(scratch.sines),
            interleaved: parameters.rope.style == .interleaved)
    }

    /// Workers take key/value heads one by one, or single query heads when there are too few of those.
    private func attend(_ index: Int, _ position: Int, _ worker: Worker) {
        let group = parameters.heads / parameters.keyValueHeads
        let width = parameters.headDimension
        let size = parameters.keyValueHeads % worker.count == 0 ? group : 1
        let own = scratch.workers[worker.index]
        while true {
            let unit = scratch.claims.claim(index)
            guard unit < parameters.heads / size else { return }
            let first = unit * size
            let queries = first * width..<(first + size) * width
            rotate(FloatSlice(scratch.queries, queries), heads: size)
            kernels.attend(
                QueryBlock(
                    start: first * width, stride: size * width, tokens: 1, group: size,
                    headDimension: width, firstLength: position + 1),
                queries: scratch.queries, cache: cache.slice(layer: index, head: first / group),
                scale: attentionScale, into: scratch.mixed, scores: own.scores)
        }
    }

    var attentionScale: Float { 1 / Float(parameters.headDimension).squareRoot() }

    private func feedForward(_ index: Int, _ sparse: SparsityPlan.Layer?, _ worker: Worker) {
        let layer = weights.layers[index]
        let own = scratch.workers[worker.index]
        let normed = prepare(layer.feedForwardNorm, own)
        let dense = StepInput(values: normed, activations: own.input)
        let gate = FloatSlice(scratch.gate, 0..<parameters.feedForward)
        let outputs = worker.share(of: parameters.feedForward, unit: 64)
        gate[outputs].fill(0)
        addChannels(
            into: gate, layer.gate, dense, sparse?.gateInput, own.sparseInput, .gateInput, index, outputs,
            worker)
        kernels.activate(gate[outputs], parameters.activation.gate)
        if let rule = sparse?.channels {
            kernels.keep(gate, by: rule, channels: outputs, into: scratch.channels)
            own.tally.add(scratch.channels.keptCount(outputs), .channels, index)
        }
        let input =
            sparse?.upInput.map { dropped(dense, $0, own.sparseInput, .upInput, index, worker) } ?? dense
        worker.barrier()
        let chunks = scratch.partials.count
        while true {
            let chunk = scratch.claims.claim(weights.layers.count + index)
            guard chunk < chunks else { break }
            let blocks = layer.down.blocks
            let partial = scratch.partials[chunk]
            partial.fill(0)
            kernels.feedForward(
                into: partial, up: layer.up, down: layer.down, input.activations, values: input.values,
                gate: gate, mask: sparse?.channels.map { _ in scratch.channels },
                hiddenLimit: sparse?.downInput?.limits[0] ?? 0,
                blocks: blocks * chunk / chunks..<blocks * (chunk + 1) / chunks, scratch: own.kernel)
        }
        worker.barrier()
        let share = worker.share(of: parameters.embedding, unit: 64)
        for partial in scratch.partials { kernels.add(partial[share], to: residual[share]) }
        worker.barrier()
    }

    private func head(_ worker: Worker) {
        let own = scratch.workers[worker.index]
        let normed = prepare(weights.outputNorm, own)
        kernels.dot(
            into: logits, weights.output, own.input, values: normed,
            rows: worker.share(of: parameters.vocabulary, unit: 64))
    }

    /// The head alone, for a residual stream that a prefill has left in place.
    func computeLogits() { pool.run { head($0) } }
}
