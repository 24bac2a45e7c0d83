internal import Kernels
internal import Machine
internal import Tensors
internal import WeightStore

/// One batch of tokens on its way through the layers; every worker runs the same methods.
struct BatchPass: Sendable {
    let decoder: Decoder
    let options: BatchOptions
    /// Of the first token.
    let position: Int
    /// Tokens.
    let count: Int

    private var batch: BatchScratch { decoder.batch }
    private var kernels: KernelSet { decoder.kernels }
    private var model: ModelParameters { decoder.parameters }
    private var precision: ActivationPrecision { options.precision }

    /// Returns false when weights could not be had.
    func attention(_ index: Int, _ worker: Worker) -> Bool {
        let layer = decoder.weights.layers[index]
        let plan = options.plan?.layers[index]
        let own = decoder.scratch.workers[worker.index]
        let queryInput = plan?.queryInput.map { SparseInput($0, .queryInput, batch.dropped[0]) }
        let keyInput = plan?.keyValueInput.map { SparseInput($0, .keyValueInput, batch.dropped[1]) }
        prepare(layer.attentionNorm, .attentionInput, [queryInput, keyInput], index, worker)
        let queries = batch.queries.first(count)
        let (keys, values) = (batch.keys.first(count), batch.values.first(count))
        let outputs = worker.share(of: layer.query.outputs, unit: 64)
        guard decoder.bring(layer.cached.query, nil, worker) else { return false }
        start(queries, outputs, layer.queryBias)
        add(queryInput?.base(0), to: queries, outputs)
        (queryInput?.rows ?? batch.input).multiplyAdd(
            into: queries, layer.query, outputs: outputs, precision, kernels, own.kernel)
        decoder.keep(layer.cached.query, worker)
        let keyRows = worker.share(of: layer.key.rows, unit: 32)
        let spare = batch.spare.first(count, length: layer.key.rows)
        let input = keyInput?.rows ?? batch.input
        for (matrix, rows, bias, base) in [
            (layer.key, keys, layer.keyBias, keyInput?.base(0)),
            (layer.value, values, layer.valueBias, keyInput?.base(1)),
        ] {
            input.multiply(into: rows, spare: spare, matrix, rows: keyRows, precision, kernels, own.kernel)
            add(bias, to: rows, keyRows)
            add(base, to: rows, keyRows)
        }
        worker.barrier()
        for row in worker.share(of: count) { place(index, row, queries, keys, values) }
        worker.barrier()
        attend(index, worker)
        worker.barrier()
        return output(layer, plan?.attentionOutput, index, worker)
    }

    /// `residual += o_proj · mixed`.
    private func output(
        _ layer: ModelWeights.Layer, _ sparse: SparsityPlan.Input?, _ index: Int, _ worker: Worker
    ) -> Bool {
        let own = decoder.scratch.workers[worker.index]
        for row in worker.share(of: count) {
            let mixed = batch.mixed.row(row)
            observe(mixed, .attentionOutput, index, worker)
            leaveOut(sparse?.rule, .attentionOutput, mixed, own.mixedMask, index, worker, into: mixed)
            batch.mixed.quantize(row, precision, kernels)
        }
        worker.barrier()
        guard decoder.bring(layer.cached.attentionOutput, nil, worker) else { return false }
        let residual = batch.residual.first(count)
        let share = worker.share(of: model.embedding, unit: 64)
        add(layer.attentionOutputBias, to: residual, share)
        add(sparse?.base.first, to: residual, share)
        batch.mixed.multiplyAdd(
            into: residual, layer.attentionOutput, outputs: share, precision, kernels, own.kernel)
        decoder.keep(layer.cached.attentionOutput, worker)
        worker.barrier()
        return true
    }

    /// Returns false when weights could not be had.
    func feedForward(_ index: Int, _ worker: Worker) -> Bool {
        let layer = decoder.weights.layers[index]
        let plan = options.plan?.layers[index]
        let own = decoder.scratch.workers[worker.index]
        let gateInput = plan?.gateInput.map { SparseInput($0, .gateInput, batch.dropped[0]) }
        let upInput = plan?.upInput.map { SparseInput($0, .upInput, batch.dropped[1]) }
        prepare(layer.feedForwardNorm, .feedForwardInput, [gateInput, upInput], index, worker)
        let (gate, up) = (batch.hidden.rows(count), batch.up.first(count))
        let outputs = worker.share(of: model.feedForward, unit: 64)
        guard decoder.bring(layer.cached.gate, nil, worker) else { return false }
        start(gate, outputs, nil)
        add(gateInput?.base(0), to: gate, outputs)
        (gateInput?.rows ?? batch.input).multiplyAdd(
            into: gate, layer.gate, outputs: outputs, precision, kernels, own.kernel)
        decoder.keep(layer.cached.gate, worker)
        guard decoder.bring(layer.cached.bundles, nil, next: decoder.bundles(after: index), worker) else {
            return false
        }
        (upInput?.rows ?? batch.input).multiply(
            into: up, spare: batch.spare.first(count, length: model.feedForward), layer.up, rows: outputs,
            precision, kernels, own.kernel)
        add(upInput?.base(0), to: up, outputs)
        if !outputs.isEmpty {
            for row in 0..<count { kernels.activate(gate[row][outputs], model.activation.gate) }
        }
        worker.barrier()
        for row in worker.share(of: count) {
            observe(gate[row], .gate, index, worker)
            observe(up[row], .up, index, worker)
            leaveOut(plan?.channels, .channels, gate[row], own.channelMask, index, worker, into: gate[row])
            kernels.multiply(gate[row], by: up[row])
            observe(gate[row], .hidden, index, worker)
            leaveOut(plan?.downInput, .downInput, gate[row], own.channelMask, index, worker, into: gate[row])
            batch.hidden.quantize(row, precision, kernels)
        }
        worker.barrier()
        batch.hidden.multiplyAdd(
            into: batch.residual.first(count), layer.down,
            outputs: worker.share(of: model.embedding, unit: 64), precision, kernels, own.kernel)
        decoder.keep(layer.cached.bundles, worker)
        worker.barrier()
        return true
    }

    /// Normalises and quantises this worker's tokens, and makes the sparse inputs of them.
    private func prepare(
        _ gain: SharedBuffer<Float>, _ activation: ObservedActivation, _ sparse: [SparseInput?],
        _ index: Int, _ worker: Worker
    ) {
        let own = decoder.scratch.workers[worker.index]
        let residual = batch.residual.first(count)
        for row in worker.share(of: count) {
            let normed = batch.input.row(row)
            kernels.rmsNorm(residual[row], gain: gain, epsilon: model.rmsEpsilon, into: normed)
            batch.input.quantize(row, precision, kernels)
            observe(normed, activation, index, worker)
            for input in sparse {
                guard let input else { continue }
                leaveOut(
                    input.sparse.rule, input.site, normed, own.inputMask, index, worker,
                    into: input.rows.row(row))
                input.rows.quantize(row, precision, kernels)
            }
        }
        worker.barrier()
    }

    /// Writes `x` less its center, without the channels that the rule drops, to `out`, which may be `x`.
    private func leaveOut(
        _ rule: KeepRule?, _ site: SparsitySite, _ x: FloatSlice, _ mask: KeepMask, _ index: Int,
        _ worker: Worker, into out: FloatSlice
    ) {
        guard let rule else { return }
        kernels.leaveOut(x, by: rule, mask: mask, into: out)
        decoder.scratch.workers[worker.index].tally.add(mask.keptCount(), site, index)
    }

    private func observe(
        _ values: FloatSlice, _ activation: ObservedActivation, _ layer: Int, _ worker: Worker
    ) {
        options.observer?.observe(values, activation, layer: layer, worker: worker.index)
    }

    private func start(_ rows: FloatRows, _ outputs: Range<Int>, _ bias: SharedBuffer<Float>?) {
        for row in 0..<rows.count {
            if let bias {
                rows[row][outputs].copy(FloatSlice(bias, outputs))
            } else {
                rows[row][outputs].clear()
            }
        }
    }

    private func add(_ vector: SharedBuffer<Float>?, to rows: FloatRows, _ outputs: Range<Int>) {
        guard let vector else { return }
        for row in 0..<rows.count { kernels.add(FloatSlice(vector, outputs), to: rows[row][outputs]) }
    }

    /// Turns the queries and keys of one token and stores its keys and values in the cache.
    private func place(
        _ index: Int, _ row: Int, _ queries: FloatRows, _ keys: FloatRows, _ values: FloatRows
    ) {
        let pairs = model.rope.dimension / 2
        let angles = row * pairs..<(row + 1) * pairs
        let (cosines, sines) = (FloatSlice(batch.cosines, angles), FloatSlice(batch.sines, angles))
        let interleaved = model.rope.style == .interleaved
        kernels.rotate(
            queries[row], heads: model.heads, cosines: cosines, sines: sines, interleaved: interleaved)
        kernels.rotate(
            keys[row], heads: model.keyValueHeads, cosines: cosines, sines: sines, interleaved: interleaved)
        let width = model.headDimension
        for head in 0..<model.keyValueHeads {
            let part = head * width..<(head + 1) * width
            let place = position + row
            decoder.cache.storeKey(keys[row][part], layer: index, head: head, position: place, with: kernels)
            decoder.cache.storeValue(
                values[row][part], layer: index, head: head, position: place, with: kernels)
        }
    }

    /// Workers take runs of a few tokens of one key/value head, the costly late ones first.
    private func attend(_ index: Int, _ worker: Worker) {
        let group = model.heads / model.keyValueHeads
        let width = model.headDimension
        let run = 16
        let runs = (count + run - 1) / run
        while true {
            let unit = batch.claims.claim(index)
            guard unit < runs * model.keyValueHeads else { return }
            let head = unit % model.keyValueHeads
            let first = (runs - 1 - unit / model.keyValueHeads) * run
            kernels.attend(
                QueryBlock(
                    start: first * batch.queries.stride + head * group * width, stride: batch.queries.stride,
                    tokens: min(run, count - first), group: group, headDimension: width,
                    firstLength: position + first + 1),
                queries: batch.queries.buffer, cache: decoder.cache.slice(layer: index, head: head),
                scale: decoder.attentionScale, into: batch.mixed.buffer,
                scores: decoder.scratch.workers[worker.index].scores)
        }
    }
}

/// The input of matrices from which channels are left out, and where it is put.
private struct SparseInput {
    let sparse: SparsityPlan.Input
    let site: SparsitySite
    let rows: BatchInput

    init(_ sparse: SparsityPlan.Input, _ site: SparsitySite, _ rows: BatchInput) {
        self.sparse = sparse
        self.site = site
        self.rows = rows
    }

    /// What matrix `number` of the layer makes of the center.
    func base(_ number: Int) -> SharedBuffer<Float>? {
        sparse.base.isEmpty ? nil : sparse.base[number]
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
