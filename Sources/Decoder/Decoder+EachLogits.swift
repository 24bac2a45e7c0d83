package import Kernels
internal import Machine
internal import Tensors
internal import WeightStore

/// Prefill for scoring: the prediction at every token of a prompt, not only at the last.
extension Decoder {
    /// Evaluates `tokens` after the `position` tokens in the cache and lends the logits `[vocabulary]` that
    /// follow each of them, in order; afterwards `logits` holds those of the last one.
    ///
    /// - Parameters:
    ///   - isCancelled: asked now and then; once true, the rest is dropped.
    ///   - eachLogits: called on this thread with an index in `tokens`; the slice is valid until it returns.
    /// - Returns: false when it was cancelled; the cache then still holds the first `position` tokens.
    /// - Cost: a prefill, and the head once per token; `headBatch` rows of logits in memory.
    package func prefill(
        _ tokens: [Int32], at position: Int, isCancelled: @Sendable () -> Bool,
        eachLogits: (Int, FloatSlice) -> Void
    ) -> Bool {
        precondition(!tokens.isEmpty && position + tokens.count <= context, "\(position)+\(tokens.count)")
        let count = min(Self.headBatch, batch.capacity, tokens.count)
        let stride = WeightForm.padded(parameters.vocabulary)
        let rows = SharedBuffer<Float>(count: count * stride)
        for start in Swift.stride(from: 0, to: tokens.count, by: batch.capacity) {
            let end = min(start + batch.capacity, tokens.count)
            guard evaluate(Array(tokens[start..<end]), at: position + start, last: false, isCancelled) else {
                return false
            }
            for first in Swift.stride(from: start, to: end, by: count) {
                if isCancelled() { return false }
                let part = first..<min(first + count, end)
                let all = FloatRows(
                    rows, count: part.count, length: parameters.vocabulary, stride: stride)
                head(of: part.lowerBound - start..<part.upperBound - start, into: all)
                for index in part { eachLogits(index, all[index - first]) }
                if part.upperBound == tokens.count { logits.copy(all[part.count - 1]) }
            }
        }
        return true
    }

    /// Rows of logits computed together: the head is unpacked once for all of them, which costs as much as
    /// multiplying 20 of them (avx512, Q8_0), and they take 32 · 4 bytes per token of the vocabulary.
    private static let headBatch = 32

    /// The head for the residual streams `range` of the batch, as rows 0... of `all`.
    private func head(of range: Range<Int>, into all: FloatRows) {
        let count = range.count
        let residual = FloatRows(
            batch.residual, count: range.upperBound, length: parameters.embedding, stride: batch.width)
        let normed = FloatRows(
            batch.normed, count: count, length: parameters.embedding, stride: batch.width)
        pool.run { worker in
            for row in worker.share(of: count) {
                kernels.rmsNorm(
                    residual[range.lowerBound + row], gain: weights.outputNorm,
                    epsilon: parameters.rmsEpsilon, into: normed[row])
                kernels.quantize(normed, row: row, into: batch.input)
            }
            worker.barrier()
            kernels.multiply(
                into: all, weights.output, batch.input, values: normed,
                rows: worker.share(of: parameters.vocabulary, unit: 64),
                scratch: scratch.workers[worker.index].kernel)
        }
    }
}
