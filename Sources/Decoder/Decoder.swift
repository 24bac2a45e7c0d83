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

    /// - Parameters:
    ///   - context: positions to make room for; at most what the model was trained for.
    ///   - threads: workers of a step, the caller among them.
    package init(store: WeightStore, kernels: KernelSet, context: Int, threads: Int) throws {
        let shape = store.parameters
        guard context >= 1, context <= shape.contextLength else {
            throw DecoderError.contextTooLong(path: store.path, asked: context, trained: shape.contextLength)
        }
        parameters = shape
        self.kernels = kernels
        weights = try ModelWeights(store)
        cache = KeyValueCache(
            layers: shape.layers, heads: shape.keyValueHeads, headDimension: shape.headDimension,
            context: context)
        pool = WorkerPool(threadCount: threads)
        rotary = RotaryTable(shape.rope, divisors: weights.rotaryDivisors)
        scratch = StepScratch(shape, context: context, threads: pool.threadCount)
        batch = BatchScratch(shape, capacity: min(Self.batchSize, context))
    }

    /// Tokens that a prefill computes together.
    package static let batchSize = 128

    /// The logits `[vocabulary]` of the last step or prefill; overwritten by the next.
    package var logits: FloatSlice { FloatSlice(scratch.logits, 0..<parameters.vocabulary) }

    /// Evaluates `tokens` after the `position` tokens in the cache; the logits are those of the last one.
    ///
    /// - Parameter isCancelled: asked now and then; once true, the rest is dropped.
    /// - Returns: false when it was cancelled; the cache then still holds the first `position` tokens.
    package func prefill(
        _ tokens: [Int32], at position: Int, isCancelled: @Sendable () -> Bool = { false }
    ) -> Bool {
        precondition(!tokens.isEmpty && position + tokens.count <= context, "\(position)+\(tokens.count)")
        var start = 0
        while start < tokens.count {
            let end = min(start + batch.capacity, tokens.count)
            if end - start < Self.smallestBatch {
                for index in start..<end {
                    if isCancelled() { return false }
                    step(tokens[index], at: position + index)
                }
            } else {
                let part = Array(tokens[start..<end])
                guard evaluate(part, at: position + start, last: end == tokens.count, isCancelled) else {
                    return false
                }
            }
            start = end
        }
        return true
    }

    /// Below this many tokens, unpacking the weights for a matrix product costs more than it saves.
    private static let smallestBatch = 3
}
