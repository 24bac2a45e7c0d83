internal import Kernels
internal import Machine
internal import Tensors
internal import WeightStore

/// A pass of tokens through the layers, in parts of a batch each; every worker runs the same methods.
struct BatchPass: Sendable {
    let decoder: Decoder
    let options: BatchOptions
    /// Of the first token.
    let position: Int
    /// `[tokens, embedding]`, the residual streams.
    let residual: BatchScratch.Rows
    let angles: BatchScratch.Angles
    /// Where the pass has several parts.
    let memory: PassScratch?
    let parts: [Part]
    let isCancelled: @Sendable () -> Bool

    /// Tokens that are multiplied together.
    struct Part: Sendable {
        let number: Int
        /// Of the tokens of the pass.
        let rows: Range<Int>
        var count: Int { rows.count }
    }

    /// - Parameters:
    ///   - count: tokens of the pass, no more than fit into a batch without `memory`.
    init(
        _ decoder: Decoder, _ options: BatchOptions, position: Int, count: Int, _ memory: PassScratch?,
        _ isCancelled: @escaping @Sendable () -> Bool
    ) {
        self.decoder = decoder
        self.options = options
        self.position = position
        self.memory = memory
        self.isCancelled = isCancelled
        residual = memory?.residual ?? decoder.batch.residual
        angles = memory?.angles ?? decoder.batch.angles
        let size = decoder.batch.capacity
        parts = stride(from: 0, to: count, by: size).enumerated().map { number, start in
            Part(number: number, rows: start..<min(start + size, count))
        }
    }

    private var batch: BatchScratch { decoder.batch }
    private var kernels: KernelSet { decoder.kernels }
    private var model: ModelParameters { decoder.parameters }
    private var precision: ActivationPrecision { options.precision }

    /// Returns false when it was cancelled, or weights could not be had.
    func attention(_ index: Int, _ worker: Worker) -> Bool {
        let cached = decoder.weights.layers[index].cached
        guard forEachPart(with: cached.query, worker, { mix($0, index, worker) }) else { return false }
        // Each has copied what others take up now.
        if memory != nil { worker.barrier() }
        return forEachPart(with: cached.attentionOutput, worker) { part in
            output(part, index, worker)
            return true
        }
    }

    /// Calls `body` with one part after another until it returns false, while all units of `tensor` are in memory.
    ///
    /// - Parameter next: may be read ahead meanwhile.
    /// - Returns: false when a part did, or weights could not be had.
    private func forEachPart(
        with tensor: CachedTensor?, next: CachedTensor? = nil, _ worker: Worker, _ body: (Part) -> Bool
    ) -> Bool {
        guard decoder.bring(tensor, nil, next: next, worker) else { return false }
        let isDone = parts.allSatisfy(body)
        decoder.keep(tensor, worker)
        return isDone
    }

    /// What the queries of a part find among the keys and values so far, its own included; false when it was cancelled.
    private func mix(_ part: Part, _ index: Int, _ worker: Worker) -> Bool {
        let layer = decoder.weights.layers[index]
        let plan = options.plan?.layers[index]
        let own = decoder.scratch.workers[worker.index]
        let count = part.count
        let queryInput = plan?.queryInput.map { SparseInput($0, .queryInput, batch.dropped[0]) }
        let keyInput = plan?.keyValueInput.map { SparseInput($0, .keyValueInput, batch.dropped[1]) }
        guard prepare(part, layer.attentionNorm, .attentionInput, [queryInput, keyInput], index, worker)
        else { return false }
        let queries = batch.queries.first(count)
        let (keys, values) = (batch.keys.first(count), batch.values.first(count))
        let outputs = worker.share(of: layer.query.outputs, unit: 64)
        start(queries, outputs, layer.queryBias)
        add(queryInput?.base(0), to: queries, outputs)
        (queryInput?.rows ?? batch.input).multiplyAdd(
            into: queries, layer.query, outputs: outputs, precision, kernels, own.kernel)
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
        for row in worker.share(of: count) { place(part, index, row, queries, keys, values) }
        worker.barrier()
        attend(part, index, worker)
        worker.barrier()
        if let mixed = memory?.mixed.rows(part.rows) {
            for row in worker.share(of: count) { mixed[row].copy(batch.mixed.row(row)) }
        }
        return true
    }

    /// `residual += o_proj · mixed` of a part.
    private func output(_ part: Part, _ index: Int, _ worker: Worker) {
        let layer = decoder.weights.layers[index]
        let sparse = options.plan?.layers[index].attentionOutput
        let own = decoder.scratch.workers[worker.index]
        for row in worker.share(of: part.count) {
            let mixed = batch.mixed.row(row)
            if let memory { mixed.copy(memory.mixed.rows(part.rows)[row]) }
            observe(mixed, .attentionOutput, index, worker)
            leaveOut(sparse?.rule, .attentionOutput, mixed, own.mixedMask, index, worker, into: mixed)
            batch.mixed.quantize(row, precision, kernels)
        }
        worker.barrier()
        let streams = residual(part)
        let share = worker.share(of: model.embedding, unit: 64)
        add(layer.attentionOutputBias, to: streams, share)
        add(sparse?.base.first, to: streams, share)
        batch.mixed.multiplyAdd(
            into: streams, layer.attentionOutput, outputs: share, precision, kernels, own.kernel)
        worker.barrier()
    }

    /// Returns false when it was cancelled, or weights could not be had.
    func feedForward(_ index: Int, _ worker: Worker) -> Bool {
        let layer = decoder.weights.layers[index]
        // There is room for what is read of one tensor, so the gates of all parts come before the bundles of any.
        let isGateApart = layer.cached.gate != nil
        if isGateApart {
            let isDone = forEachPart(with: layer.cached.gate, worker) { part in
                guard computeGate(part, index, worker) else { return false }
                guard let gate = rememberedGates(of: part, index) else { return true }
                worker.barrier()
                for row in worker.share(of: part.count) { gate[row].copy(batch.hidden.row(row)) }
                return true
            }
            guard isDone else { return false }
        }
        return forEachPart(
            with: layer.cached.bundles, next: decoder.bundles(after: index), worker
        ) { part in
            if !isGateApart {
                guard computeGate(part, index, worker) else { return false }
            } else if let gate = rememberedGates(of: part, index) {
                guard prepare(part, layer.feedForwardNorm, nil, [upInput(index)], index, worker) else {
                    return false
                }
                for row in worker.share(of: part.count) { batch.hidden.row(row).copy(gate[row]) }
                worker.barrier()
            }
            addBundles(part, index, worker)
            return true
        }
    }

    /// Where the gates of a part are until the layer's bundles are there; `nil` where they need not wait.
    private func rememberedGates(of part: Part, _ index: Int) -> FloatRows? {
        decoder.weights.layers[index].cached.gate == nil ? nil : memory?.gate?.rows(part.rows)
    }

    private func upInput(_ index: Int) -> SparseInput? {
        options.plan?.layers[index].upInput.map { SparseInput($0, .upInput, batch.dropped[1]) }
    }

    /// The gate of a part, each worker its share of the channels, not activated; false when it was cancelled. The
    /// input stays, that of `up` as well.
    private func computeGate(_ part: Part, _ index: Int, _ worker: Worker) -> Bool {
        let layer = decoder.weights.layers[index]
        let own = decoder.scratch.workers[worker.index]
        let gateInput = options.plan?.layers[index].gateInput.map {
            SparseInput($0, .gateInput, batch.dropped[0])
        }
        // Else it is made again, when the bundles are there.
        let upInput = rememberedGates(of: part, index) == nil ? upInput(index) : nil
        guard prepare(part, layer.feedForwardNorm, .feedForwardInput, [gateInput, upInput], index, worker)
        else { return false }
        let gate = batch.hidden.rows(part.count)
        let outputs = worker.share(of: model.feedForward, unit: 64)
        start(gate, outputs, nil)
        add(gateInput?.base(0), to: gate, outputs)
        (gateInput?.rows ?? batch.input).multiplyAdd(
            into: gate, layer.gate, outputs: outputs, precision, kernels, own.kernel)
        return true
    }

    /// `residual += down · (gate · (up · x))` of a part, whose gate and input are there.
    private func addBundles(_ part: Part, _ index: Int, _ worker: Worker) {
        let layer = decoder.weights.layers[index]
        let plan = options.plan?.layers[index]
        let own = decoder.scratch.workers[worker.index]
        let count = part.count
        let upInput = upInput(index)
        let (gate, up) = (batch.hidden.rows(count), batch.up.first(count))
        let outputs = worker.share(of: model.feedForward, unit: 64)
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
            into: residual(part), layer.down, outputs: worker.share(of: model.embedding, unit: 64), precision,
            kernels, own.kernel)
        worker.barrier()
    }

    private func residual(_ part: Part) -> FloatRows {
        residual.rows(part.rows)
    }

    /// Normalises and quantises this worker's tokens of a part, and makes the sparse inputs of them.
    ///
    /// - Parameter activation: what an observer sees in them; nothing when it has seen them before.
    /// - Returns: false when the pass was cancelled.
    private func prepare(
        _ part: Part, _ gain: SharedBuffer<Float>, _ activation: ObservedActivation?,
        _ sparse: [SparseInput?], _ index: Int, _ worker: Worker
    ) -> Bool {
        // Read by all behind the barrier, and not written before another.
        if worker.index == 0 && isCancelled() { batch.isStopped[0] = 1 }
        let own = decoder.scratch.workers[worker.index]
        let streams = residual(part)
        for row in worker.share(of: part.count) {
            let normed = batch.input.row(row)
            kernels.rmsNorm(streams[row], gain: gain, epsilon: model.rmsEpsilon, into: normed)
            batch.input.quantize(row, precision, kernels)
            if let activation { observe(normed, activation, index, worker) }
            for input in sparse {
                guard let input else { continue }
                leaveOut(
                    input.sparse.rule, input.site, normed, own.inputMask, index, worker,
                    into: input.rows.row(row))
                input.rows.quantize(row, precision, kernels)
            }
        }
        worker.barrier()
        return batch.isStopped[0] == 0
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
        _ part: Part, _ index: Int, _ row: Int, _ queries: FloatRows, _ keys: FloatRows, _ values: FloatRows
    ) {
        let number = part.rows.lowerBound + row
        let layer = decoder.weights.layers[index]
        let pairs = model.rope.dimension / 2
        let range = number * pairs..<(number + 1) * pairs
        let (cosines, sines) = (FloatSlice(angles.cosines, range), FloatSlice(angles.sines, range))
        decoder.turn(
            queries[row], heads: model.heads, gain: layer.queryNorm, layer: index, cosines: cosines,
            sines: sines)
        decoder.turn(
            keys[row], heads: model.keyValueHeads, gain: layer.keyNorm, layer: index, cosines: cosines,
            sines: sines)
        let width = model.headDimension
        for head in 0..<model.keyValueHeads {
            let part = head * width..<(head + 1) * width
            let place = position + number
            decoder.cache.storeKey(keys[row][part], layer: index, head: head, position: place, with: kernels)
            decoder.cache.storeValue(
                values[row][part], layer: index, head: head, position: place, with: kernels)
        }
    }

    /// Workers take runs of a few tokens of one key/value head, the costly late ones first.
    private func attend(_ part: Part, _ index: Int, _ worker: Worker) {
        let count = part.count
        let group = model.heads / model.keyValueHeads
        let width = model.headDimension
        let run = 16
        let runs = (count + run - 1) / run
        while true {
            let unit = batch.claims.claim(index * PassScratch.partsAtMost + part.number)
            guard unit < runs * model.keyValueHeads else { return }
            let head = unit % model.keyValueHeads
            let first = (runs - 1 - unit / model.keyValueHeads) * run
            kernels.attend(
                QueryBlock(
                    start: first * batch.queries.stride + head * group * width, stride: batch.queries.stride,
                    tokens: min(run, count - first), group: group, headDimension: width,
                    firstLength: position + part.rows.lowerBound + first + 1),
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
