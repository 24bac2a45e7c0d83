internal import Kernels
internal import Machine
internal import WeightStore

/// A batch of prompt tokens through all layers: each weight is unpacked once and meets every token.
extension Decoder {
    /// Evaluates `tokens` as numbers `position...`; with `last` set, the logits of the last one.
    ///
    /// Returns false when `isCancelled` said so at some layer.
    func evaluate(
        _ tokens: [Int32], at position: Int, last: Bool, _ isCancelled: @Sendable () -> Bool
    ) -> Bool {
        precondition(tokens.count <= batch.capacity, "\(tokens.count) of \(batch.capacity)")
        precondition(tokens.allSatisfy { $0 >= 0 && $0 < parameters.vocabulary }, "token out of range")
        batch.claims.reset()
        batch.isStopped[0] = 0
        let count = tokens.count
        pool.run { worker in
            for row in worker.share(of: count) { load(tokens[row], row, position) }
            worker.barrier()
            for index in weights.layers.indices {
                if worker.index == 0 && isCancelled() { batch.isStopped[0] = 1 }
                attention(index, position, count, worker)
                if batch.isStopped[0] == 1 { return }
                feedForward(index, count, worker)
            }
        }
        guard batch.isStopped[0] == 0 else { return false }
        if last {
            let source = rows(batch.residual, count, parameters.embedding, batch.width)[count - 1]
            FloatSlice(scratch.residual, 0..<parameters.embedding).copy(source)
            computeLogits()
        }
        return true
    }

    private func rows(_ buffer: SharedBuffer<Float>, _ count: Int, _ length: Int, _ stride: Int) -> FloatRows
    {
        FloatRows(buffer, count: count, length: length, stride: stride)
    }

    /// The embedding of a token, and the angles of its position.
    private func load(_ token: Int32, _ row: Int, _ position: Int) {
        let residual = rows(batch.residual, batch.capacity, parameters.embedding, batch.width)
        kernels.decodeRow(Int(token), of: weights.embedding, into: residual[row])
        let pairs = parameters.rope.dimension / 2
        let range = row * pairs..<(row + 1) * pairs
        batch.cosines.withMutableSpan(range) { cosines in
            batch.sines.withMutableSpan(range) { sines in
                rotary.fill(position: position + row, cosines: &cosines, sines: &sines)
            }
        }
    }

    /// Normalises and quantises this worker's tokens.
    private func prepare(_ gain: SharedBuffer<Float>, _ count: Int, _ worker: Worker) -> FloatRows {
        let residual = rows(batch.residual, count, parameters.embedding, batch.width)
        let normed = rows(batch.normed, count, parameters.embedding, batch.width)
        for row in worker.share(of: count) {
            kernels.rmsNorm(residual[row], gain: gain, epsilon: parameters.rmsEpsilon, into: normed[row])
            kernels.quantize(normed, row: row, into: batch.input)
        }
        worker.barrier()
        return normed
    }

    private func attention(_ index: Int, _ position: Int, _ count: Int, _ worker: Worker) {
        let layer = weights.layers[index]
        let scratch = scratch.workers[worker.index].kernel
        let normed = prepare(layer.attentionNorm, count, worker)
        let queryWidth = layer.query.outputs
        let queries = rows(batch.queries, count, queryWidth, batch.queryWidth)
        let keys = rows(batch.keys, count, layer.key.rows, batch.keyWidth)
        let values = rows(batch.values, count, layer.value.rows, batch.keyWidth)
        let outputs = worker.share(of: queryWidth, unit: 64)
        start(queries, outputs, layer.queryBias)
        kernels.multiplyAdd(
            into: queries, layer.query, batch.input, values: normed, outputs: outputs, scratch: scratch)
        let keyRows = worker.share(of: layer.key.rows, unit: 32)
        kernels.multiply(
            into: keys, layer.key, batch.input, values: normed, rows: keyRows, scratch: scratch)
        kernels.multiply(
            into: values, layer.value, batch.input, values: normed, rows: keyRows, scratch: scratch)
        add(layer.keyBias, to: keys, keyRows)
        add(layer.valueBias, to: values, keyRows)
        worker.barrier()
        for row in worker.share(of: count) { place(index, row, position, queries, keys, values) }
        worker.barrier()
        attend(index, position, count, worker)
        worker.barrier()
        let mixed = rows(batch.mixed, count, queryWidth, batch.queryWidth)
        for row in worker.share(of: count) { kernels.quantize(mixed, row: row, into: batch.mixedInput) }
        worker.barrier()
        let residual = rows(batch.residual, count, parameters.embedding, batch.width)
        let share = worker.share(of: parameters.embedding, unit: 64)
        add(layer.attentionOutputBias, to: residual, share)
        kernels.multiplyAdd(
            into: residual, layer.attentionOutput, batch.mixedInput, values: mixed, outputs: share,
            scratch: scratch)
        worker.barrier()
    }

    private func start(_ rows: FloatRows, _ outputs: Range<Int>, _ bias: SharedBuffer<Float>?) {
        for row in 0..<rows.count {
            if let bias {
                rows[row][outputs].copy(FloatSlice(bias, outputs))
            } else {
                rows[row][outputs].fill(0)
            }
        }
    }

    private func add(_ bias: SharedBuffer<Float>?, to rows: FloatRows, _ outputs: Range<Int>) {
        guard let bias else { return }
        for row in 0..<rows.count { kernels.add(FloatSlice(bias, outputs), to: rows[row][outputs]) }
    }

    /// Turns the queries and keys of one token and stores its keys and values in the cache.
    private func place(
        _ index: Int, _ row: Int, _ position: Int, _ queries: FloatRows, _ keys: FloatRows,
        _ values: FloatRows
    ) {
        let pairs = parameters.rope.dimension / 2
        let angles = row * pairs..<(row + 1) * pairs
        let (cosines, sines) = (FloatSlice(batch.cosines, angles), FloatSlice(batch.sines, angles))
        let interleaved = parameters.rope.style == .interleaved
        kernels.rotate(
            queries[row], heads: parameters.heads, cosines: cosines, sines: sines, interleaved: interleaved)
        kernels.rotate(
            keys[row], heads: parameters.keyValueHeads, cosines: cosines, sines: sines,
            interleaved: interleaved)
        let width = parameters.headDimension
        for head in 0..<parameters.keyValueHeads {
            let part = head * width..<(head + 1) * width
            let place = position + row
            cache.storeKey(keys[row][part], layer: index, head: head, position: place, with: kernels)
            cache.storeValue(values[row][part], layer: index, head: head, position: place, with: kernels)
        }
    }

    /// Workers take runs of a few tokens of one key/value head, the costly late ones first.
    private func attend(_ index: Int, _ position: Int, _ count: Int, _ worker: Worker) {
        let group = parameters.heads / parameters.keyValueHeads
        let width = parameters.headDimension
        let run = 16
        let runs = (count + run - 1) / run
        while true {
            let unit = batch.claims.claim(index)
            guard unit < runs * parameters.keyValueHeads else { return }
            let head = unit % parameters.keyValueHeads
            let first = (runs - 1 - unit / parameters.keyValueHeads) * run
            kernels.attend(
                QueryBlock(
                    start: first * batch.queryWidth + head * group * width, stride: batch.queryWidth,
                    tokens: min(run, count - first), group: group, headDimension: width,
                    firstLength: position + first + 1),
                queries: batch.queries, cache: cache.slice(layer: index, head: head), scale: attentionScale,
                into: batch.mixed, scores: scratch.workers[worker.index].scores)
        }
    }

    private func feedForward(_ index: Int, _ count: Int, _ worker: Worker) {
        let layer = weights.layers[index]
        let scratch = scratch.workers[worker.index].kernel
        let normed = prepare(layer.feedForwardNorm, count, worker)
        let gate = rows(batch.gate, count, parameters.feedForward, batch.feedForwardWidth)
        let up = rows(batch.up, count, parameters.feedForward, batch.feedForwardWidth)
        let outputs = worker.share(of: parameters.feedForward, unit: 64)
        start(gate, outputs, nil)
        kernels.multiplyAdd(
            into: gate, layer.gate, batch.input, values: normed, outputs: outputs, scratch: scratch)
        kernels.multiply(
            into: up, layer.up, batch.input, values: normed, rows: outputs, scratch: scratch)
        for row in 0..<count where !outputs.isEmpty {
            kernels.activate(gate[row][outputs], times: up[row][outputs], parameters.activation.gate)
        }
        worker.barrier()
        for row in worker.share(of: count) { kernels.quantize(gate, row: row, into: batch.hidden) }
        worker.barrier()
        let residual = rows(batch.residual, count, parameters.embedding, batch.width)
        kernels.multiplyAdd(
            into: residual, layer.down, batch.hidden, values: gate,
            outputs: worker.share(of: parameters.embedding, unit: 64), scratch: scratch)
        worker.barrier()
    }
}

extension ModelParameters.Activation {
    var gate: GateActivation {
        switch self {
        case .silu: .silu
        case .geluTanh: .geluTanh
        }
    }
}
