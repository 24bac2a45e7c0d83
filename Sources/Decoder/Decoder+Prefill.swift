package import Kernels
internal import Machine
internal import WeightStore

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
        if let eachLogits { return score(tokens, at: position, plan, isCancelled, eachLogits) }
        let most = passParts * batch.capacity
        let count = min(tokens.count, most)
        let isLong = count > batch.capacity
        makeRoom(upTo: position + tokens.count, pass: isLong ? passBytes(count) : 0)
        let memory = isLong ? PassScratch(parameters, tokens: count, isGateRead: isGateRead) : nil
        for start in stride(from: 0, to: tokens.count, by: most) {
            let own = start..<min(start + most, tokens.count)
            guard
                evaluatePass(
                    .tokens(tokens), own, position, weights.layers.indices, BatchOptions(plan: plan),
                    memory: memory, isCancelled)
            else { return false }
        }
        let last = (tokens.count - 1) % most
        computeLogits(of: (memory?.residual ?? batch.residual).first(last + 1)[last], scope)
        return !hasFault
    }

    /// The same with all logits of every token. A head that is not in memory is read for every few of them, so the more
    /// logits there is room for the better: they get what a long pass would take.
    private func score(
        _ tokens: [Int32], at position: Int, _ plan: SparsityPlan?,
        _ isCancelled: @escaping @Sendable () -> Bool, _ eachLogits: (Int, FloatSlice) -> Void
    ) -> Bool {
        var rows = batch.logits[0]
        var most = batch.headRows
        let rowBytes = rows.byteCount / most
        let room = passParts > 1 ? passBytes(passParts * batch.capacity) / rowBytes : 0
        let isWide = weights.outputRecords != nil && min(room, tokens.count) > most
        if isWide { most = min(room, tokens.count, BatchScratch.headRowsAtMost) }
        makeRoom(upTo: position + tokens.count, pass: isWide ? most * rowBytes : 0)
        if isWide { rows = BatchScratch.Rows(most, parameters.vocabulary) }
        for start in stride(from: 0, to: tokens.count, by: batch.capacity) {
            let own = start..<min(start + batch.capacity, tokens.count)
            guard
                evaluatePass(
                    .tokens(tokens), own, position, weights.layers.indices, BatchOptions(plan: plan),
                    isCancelled)
            else { return false }
            let residual = batch.residual.first(own.count)
            for first in stride(from: 0, to: own.count, by: most) {
                if isCancelled() { return false }
                let found = rows.first(min(most, own.count - first))
                pool.run { worker in head({ residual[first + $0] }, into: found, .int8, worker) }
                if hasFault { return false }
                for row in 0..<found.count { eachLogits(start + first + row, found[row]) }
                logits.copy(found[found.count - 1])
            }
        }
        return true
    }

    /// Whether some gate is not in memory as a whole.
    private var isGateRead: Bool { weights.layers.contains { $0.cached.gate != nil } }

    private func passBytes(_ tokens: Int) -> Int {
        PassScratch.byteCount(parameters, tokens: tokens, isGateRead: isGateRead)
    }
}
