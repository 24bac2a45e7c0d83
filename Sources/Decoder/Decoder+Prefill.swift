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
        isCancelled: @escaping @Sendable () -> Bool = { false },
        eachLogits: ((Int, FloatSlice) -> Void)? = nil
    ) -> Bool {
        precondition(!tokens.isEmpty && position + tokens.count <= context, "\(position)+\(tokens.count)")
        let most = passParts * batch.capacity
        let count = min(tokens.count, most)
        let isLong = count > batch.capacity
        let isGateRead = weights.layers.contains { $0.cached.gate != nil }
        makeRoom(
            upTo: position + tokens.count,
            pass: isLong ? PassScratch.byteCount(parameters, tokens: count, isGateRead: isGateRead) : 0)
        let memory = isLong ? PassScratch(parameters, tokens: count, isGateRead: isGateRead) : nil
        for start in stride(from: 0, to: tokens.count, by: most) {
            let own = start..<min(start + most, tokens.count)
            guard
                evaluatePass(
                    .tokens(tokens), own, position, weights.layers.indices, BatchOptions(plan: plan),
                    memory: memory, isCancelled),
                finish(
                    own, memory?.residual ?? batch.residual, isLast: own.upperBound == tokens.count, scope,
                    isCancelled, eachLogits)
            else { return false }
        }
        return true
    }

    /// The logits of the pass that was just evaluated: of all its tokens, or of the very last.
    private func finish(
        _ tokens: Range<Int>, _ streams: BatchScratch.Rows, isLast: Bool, _ scope: HeadScope,
        _ isCancelled: @Sendable () -> Bool,
        _ eachLogits: ((Int, FloatSlice) -> Void)?
    ) -> Bool {
        let residual = streams.first(tokens.count)
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
