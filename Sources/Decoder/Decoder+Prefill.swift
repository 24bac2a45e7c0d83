package import Kernels
internal import Machine

extension Decoder {
    /// Evaluates `tokens` after the `position` tokens in the cache; the logits are those of the last one.
    ///
    /// - Parameters:
    ///   - plan: channels to leave out of every token; dense without one.
    ///   - head: which logits of the last token are computed exactly; all by default, as it is for tokens that `eachLogits`
    ///     is told of.
    ///   - isCancelled: asked now and then; once true, the rest is dropped.
    ///   - eachLogits: told the logits of each token, in order, by its index in `tokens`.
    /// - Returns: false when it was cancelled, or after a fault; the cache then still holds the first `position` tokens.
    package func prefill(
        _ tokens: [Int32], at position: Int, plan: SparsityPlan? = nil, head scope: HeadScope = HeadScope(),
        isCancelled: @Sendable () -> Bool = { false }, eachLogits: ((Int, FloatSlice) -> Void)? = nil
    ) -> Bool {
        precondition(!tokens.isEmpty && position + tokens.count <= context, "\(position)+\(tokens.count)")
        makeRoom(upTo: position + tokens.count)
        var start = 0
        while start < tokens.count {
            let end = min(start + batch.capacity, tokens.count)
            guard
                evaluateBatch(
                    .tokens(tokens), start..<end, position, weights.layers.indices, BatchOptions(plan: plan),
                    isCancelled),
                finish(start..<end, isLast: end == tokens.count, scope, isCancelled, eachLogits)
            else { return false }
            start = end
        }
        return true
    }

    /// The logits of the batch that was just evaluated: of all its tokens, or of the very last.
    private func finish(
        _ tokens: Range<Int>, isLast: Bool, _ scope: HeadScope, _ isCancelled: @Sendable () -> Bool,
        _ eachLogits: ((Int, FloatSlice) -> Void)?
    ) -> Bool {
        let residual = batch.residual.first(tokens.count)
        if let eachLogits {
            for start in stride(from: 0, to: tokens.count, by: batch.headRows) {
                if isCancelled() { return false }
                let count = min(batch.headRows, tokens.count - start)
                let rows = batch.logits[0].first(count)
                pool.run { worker in head({ residual[start + $0] }, into: rows, .int8, worker) }
                if hasFault { return false }
                for row in 0..<count { eachLogits(tokens.lowerBound + start + row, rows[row]) }
                if isLast { logits.copy(rows[count - 1]) }
            }
        } else if isLast {
            computeLogits(of: residual[tokens.count - 1], scope)
            return !hasFault
        }
        return true
    }
}
