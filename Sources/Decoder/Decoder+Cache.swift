internal import Kernels
internal import Machine
package import WeightStore

/// Weights that are not all in memory.
extension Decoder {
    /// Why the last steps or batches are worth nothing: weights could not be read, or are not what was written.
    /// `nil` when all is well; asking clears it, and the next step tries again.
    package func takeFault() -> StoreError? { weights.cache?.takeFault() }

    /// Sees to it that there is memory for keys and values of positions up to `end`, and for `pass` bytes besides; positions
    /// from `end` on need not be kept.
    func makeRoom(upTo end: Int, pass: Int = 0) {
        guard let borrowed, let records = weights.cache else { return }
        borrowed.makeRoom(upTo: end, pass: pass, records)
    }

    /// Brings the records of `tensor` that `wanted` has a bit for into memory, all without it. Every worker calls
    /// it at the same point; nothing happens to a tensor that is in memory as a whole.
    ///
    /// - Returns: false after a fault; all workers then leave the step.
    ///
    /// - Parameter next: is wanted after `tensor`, and may be read ahead.
    func bring(
        _ tensor: CachedTensor?, _ wanted: SharedBuffer<UInt32>?, next: CachedTensor? = nil, _ worker: Worker
    ) -> Bool {
        guard let tensor, let cache = weights.cache else { return true }
        worker.barrier()
        if worker.index == 0 { cache.fetch(tensor, wanted: wanted) }
        return finishFetch(of: tensor, next: next, cache, worker)
    }

    /// The bundles that are wanted next after those of layer `index` and are not in memory as a whole; behind the last
    /// layer comes the first.
    func bundles(after index: Int) -> CachedTensor? {
        let count = weights.layers.count
        for distance in 1...count {
            if let bundles = weights.layers[(index + distance) % count].cached.bundles { return bundles }
        }
        return nil
    }

    /// Waits until all that the first worker has asked for is there.
    private func finishFetch(
        of tensor: CachedTensor, next: CachedTensor?, _ cache: RecordCache, _ worker: Worker
    ) -> Bool {
        worker.barrier()
        cache.prepare(tensor, unpacker: scratch.workers[worker.index].unpacker) { worker.share(of: $0) }
        worker.barrier()
        if worker.index == 0, let next { cache.readAhead(next) }
        return !cache.hasFault
    }

    /// Lets the records stay that are worth it, once all workers have computed with them.
    func keep(_ tensor: CachedTensor?, _ worker: Worker) {
        guard let tensor, let cache = weights.cache else { return }
        worker.barrier()
        cache.keep(tensor) { worker.share(of: $0) }
    }

    /// Brings rows of the head into memory, as many at a time as there is room for, and calls `body` with each range of
    /// rows of which those are there that `wanted` has a bit for, all without it. Every worker calls it.
    func forEachFetchedPart(
        of wanted: SharedBuffer<UInt32>?, _ worker: Worker, _ body: (Range<Int>) -> Void
    ) {
        let count = parameters.vocabulary
        guard let rows = weights.outputRecords, let cache = weights.cache else { return body(0..<count) }
        var start = 0
        while start < count {
            worker.barrier()
            if worker.index == 0 {
                scratch.fetchedRows[0] = cache.fetchRows(rows, wanted: wanted, from: start)
            }
            guard finishFetch(of: rows, next: nil, cache, worker) else { return }
            let end = min(scratch.fetchedRows[0], count)
            body(start..<end)
            keep(rows, worker)
            start = end
        }
    }

    /// Brings the first units of every tensor into its slots: how many may arrive at once later follows from how many
    /// are there. What cannot be read is asked for again when it is wanted.
    func fillCache() {
        guard let cache = weights.cache else { return }
        let tensors = cache.tensors.values.sorted { $0.name < $1.name }
        pool.run { worker in
            for tensor in tensors {
                var first = 0
                while first < tensor.currentCapacity {
                    worker.barrier()
                    if worker.index == 0 { scratch.fetchedRows[0] = cache.fill(tensor, from: first) }
                    guard finishFetch(of: tensor, next: nil, cache, worker) else { return }
                    keep(tensor, worker)
                    first = scratch.fetchedRows[0]
                }
            }
        }
        _ = takeFault()
    }

    /// Calls `body` while all records of `tensor` are in memory.
    func withRecords<R>(of tensor: CachedTensor?, _ body: () -> R) -> R {
        guard tensor != nil else { return body() }
        pool.run { worker in _ = bring(tensor, nil, worker) }
        let result = body()
        pool.run { worker in if !hasFault { keep(tensor, worker) } }
        return result
    }

    /// Brings the embedding of `tokens` into memory, where its rows are fetched one by one.
    func bringEmbedding(of tokens: some Collection<Int32>, _ worker: Worker) -> Bool {
        guard let rows = weights.embeddingRecords else { return true }
        let wanted = scratch.wantedRows
        if worker.index == 0 { wanted.keepOnly(tokens.lazy.map { Int($0) }) }
        return bring(rows, wanted.words, worker)
    }

    /// Starts to read the bundles that the masks of the step ask for, chunk by chunk where that can be. Every
    /// worker calls it behind a barrier.
    ///
    /// - Returns: false after a fault.
    func beginBundles(
        _ tensor: CachedTensor?, _ index: Int, _ sparse: SparsityPlan.Layer?, _ worker: Worker
    ) -> Bool {
        guard let tensor, let cache = weights.cache else { return true }
        let bounds = scratch.feedForwardParts.bounds
        let wanted = sparse?.channels == nil ? nil : scratch.channels.words
        let urgent = sparse?.absentChannels == nil ? nil : scratch.urgentChannels.words
        let isSplit = tensor.canSplit(bounds)
        if worker.index == 0 {
            let dropped = cache.fetch(
                tensor, wanted: wanted, urgent: urgent, bounds: isSplit ? bounds : nil)
            scratch.workers[0].tally.add(-dropped, .channels, index)
        }
        guard isSplit else { return finishFetch(of: tensor, next: bundles(after: index), cache, worker) }
        worker.barrier()
        return true
    }

    /// Waits for the bundles of one chunk. Only the worker that computes it calls.
    func awaitBundles(_ tensor: CachedTensor?, chunk: Int, _ worker: Worker) {
        guard let tensor, let cache = weights.cache,
            tensor.canSplit(scratch.feedForwardParts.bounds)
        else { return }
        cache.prepare(tensor, part: chunk, unpacker: scratch.workers[worker.index].unpacker)
    }

    /// Whether the last step or batch is worth nothing, see `takeFault`.
    package var hasFault: Bool { weights.cache?.hasFault ?? false }
}
