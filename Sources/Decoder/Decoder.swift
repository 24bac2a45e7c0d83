package import Kernels
internal import Machine
package import WeightStore

/// A transformer decoder over one weight store: token ids in, logits out.
///
/// Immutable but for its scratch, its logits and its cache, which one step at a time may use. The caller keeps
/// the position: the number of tokens whose keys and values the cache holds.
package final class Decoder: Sendable {
    package let parameters: ModelParameters
    package let weights: ModelWeights
    package let kernels: KernelSet
    package let cache: KeyValueCache
    /// Positions the cache has room for.
    package var context: Int { cache.context }
    package var threadCount: Int { pool.threadCount }
    let pool: WorkerPool
    let rotary: RotaryTable
    let scratch: StepScratch
    let batch: BatchScratch
    /// What the workers' tallies cover.
    let tallied: TokenTally
    /// What slots for weights have until conversations and long prompts need it.
    let borrowed: BorrowedMemory?
    /// Batches that a prefill takes through a layer together.
    let passParts: Int

    /// - Parameters:
    ///   - context: positions to make room for; at most what the model was trained for.
    ///   - threads: workers of a step, the caller among them.
    ///   - cacheFormat: of keys and values.
    ///   - isSmall: whether to take less memory where that costs little speed.
    ///   - lent: see `MemoryPlan.lent`.
    ///   - passParts: see `MemoryPlan.passParts`.
    package init(
        store: WeightStore, kernels: KernelSet, context: Int, threads: Int,
        cacheFormat: CacheFormat = .half, isSmall: Bool = false, lent: Int = 0, passParts: Int = 1
    ) throws {
        let shape = store.parameters
        try Self.check(context, shape, path: store.path)
        parameters = shape
        self.kernels = kernels
        weights = try ModelWeights(store)
        cache = KeyValueCache(
            layers: shape.layers, heads: shape.keyValueHeads, headDimension: shape.headDimension,
            context: context, format: cacheFormat)
        pool = WorkerPool(threadCount: threads)
        tallied = TokenTally()
        borrowed = lent > 0 || passParts > 1 ? BorrowedMemory(cache, lent: lent) : nil
        precondition(passParts >= 1 && passParts <= PassScratch.partsAtMost, "\(passParts) parts")
        self.passParts = passParts
        rotary = RotaryTable(shape.rope, divisors: weights.rotaryDivisors)
        scratch = StepScratch(shape, context: context, threads: pool.threadCount)
        batch = BatchScratch(
            shape, capacity: min(Self.batchSize, context),
            headRows: isSmall ? BatchScratch.headRowsWithin : BatchScratch.headRowsAtMost)
        fillCache()
    }

    /// The decoder that goes on with the cache, the logits and the threads of `other`, over another copy of its model. The
    /// two may not compute at the same time.
    package init(_ other: Decoder, weights: ModelWeights) {
        precondition(other.weights.cache == nil && weights.cache == nil, "weights that are read when needed")
        self.weights = weights
        (parameters, kernels, cache, pool) = (other.parameters, other.kernels, other.cache, other.pool)
        (rotary, scratch, batch) = (other.rotary, other.scratch, other.batch)
        (tallied, borrowed, passParts) = (other.tallied, nil, 1)
    }

    static func check(_ context: Int, _ shape: ModelParameters, path: String) throws(DecoderError) {
        guard context >= 1, context <= shape.contextLength else {
            throw .contextTooLong(path: path, asked: context, trained: shape.contextLength)
        }
    }

    /// Tokens that a prefill computes together.
    package static let batchSize = 128

    /// The logits `[vocabulary]` of the last step or prefill; overwritten by the next.
    package var logits: FloatSlice { FloatSlice(scratch.logits, 0..<parameters.vocabulary) }

    /// How many channels each site kept in all steps and batches since the last call.
    ///
    /// - Parameter plan: what those were evaluated with; dense by default.
    package func takeCounts(of plan: SparsityPlan? = nil) -> SiteCounts {
        var kept = [Int](repeating: 0, count: SparsitySite.allCases.count * parameters.layers)
        for worker in scratch.workers {
            for (index, count) in worker.tally.take().enumerated() { kept[index] += count }
        }
        let covered = tallied.take()
        for site in SparsitySite.allCases {
            for layer in 0..<parameters.layers where plan?.layers[layer].isSparse(site) != true {
                kept[SiteTally.index(site, layer, parameters.layers)] =
                    covered.tokens * parameters.width(site)
            }
        }
        return SiteCounts(parameters, covered, kept: kept, headCandidates: plan?.headCandidates)
    }
}
