package import Decoder
internal import Kernels
internal import Machine
internal import WeightStore

/// Compares sparse decoding with dense decoding of the same text, token by token.
package struct Evaluator: Sendable {
    private let decoder: Decoder
    private let corpus: Corpus
    private let precision: ActivationPrecision

    package init(_ decoder: Decoder, _ corpus: Corpus, precision: ActivationPrecision) {
        self.decoder = decoder
        self.corpus = corpus
        self.precision = precision
    }

    /// How each plan does, in their order.
    ///
    /// - Parameter progress: told windows done and in all, on the calling thread.
    /// - Cost: the text once dense and once for each plan, and the head twice for each.
    package func scores(
        _ plans: [SparsityPlan], progress: (Int, Int) -> Void = { _, _ in }
    ) -> (dense: DenseScore, sparse: [SparseScore]) {
        var sums = plans.map { _ in Sums() }
        var loss = 0.0
        let total = corpus.windows.count * (plans.count + 1)
        for (number, window) in corpus.windows.enumerated() {
            let exact = dense(window, &loss)
            progress(number * (plans.count + 1) + 1, total)
            for (index, plan) in plans.enumerated() {
                sums[index].add(compare(window, exact, plan))
                progress(number * (plans.count + 1) + index + 2, total)
            }
        }
        return (denseScore(loss), sums.map { $0.score(predictions: predictions, decoder.weights) })
    }

    /// What plans are held against one by one with `score`.
    ///
    /// - Parameter progress: told windows done and in all, on the calling thread.
    /// - Cost: the text once; keeps one residual stream per token.
    package func reference(progress: (Int, Int) -> Void = { _, _ in }) -> DenseReference {
        var loss = 0.0
        let windows = corpus.windows.enumerated().map { number, window in
            let exact = dense(window, &loss)
            progress(number + 1, corpus.windows.count)
            return DenseReference.Window(tokens: window, residuals: exact)
        }
        return DenseReference(score: denseScore(loss), windows: windows)
    }

    /// How `plan` does beside `reference`, which this evaluator made; as `scores` says.
    package func score(
        _ plan: SparsityPlan, against reference: DenseReference, progress: (Int, Int) -> Void = { _, _ in }
    ) -> SparseScore {
        var sums = Sums()
        for (number, window) in reference.windows.enumerated() {
            sums.add(compare(window.tokens, window.residuals, plan))
            progress(number + 1, reference.windows.count)
        }
        return sums.score(predictions: predictions, decoder.weights)
    }

    /// The dense model's residual streams after the last layer; adds its loss in nats to `loss`.
    private func dense(_ window: [Int32], _ loss: inout Double) -> Residuals {
        let exact = Residuals(decoder.parameters, count: window.count)
        _ = decoder.evaluate(
            .tokens(window), at: 0, options: BatchOptions(precision: precision), output: exact)
        loss += losses(exact, window).reduce(0, +)
        return exact
    }

    private func denseScore(_ loss: Double) -> DenseScore {
        DenseScore(
            perplexity: exponential(loss / Double(max(predictions, 1))),
            bytesPerToken: decoder.weights.greedyBytesPerToken())
    }

    private var predictions: Int { corpus.windows.reduce(0) { $0 + $1.count - 1 } }

    /// The loss in nats of each prediction of a window.
    private func losses(_ residuals: Residuals, _ window: [Int32]) -> [Double] {
        let losses = SharedBuffer<Double>(count: window.count - 1)
        decoder.forEachLogits(residuals, precision: precision) { row, logits, _ in
            guard row + 1 < window.count else { return }
            losses[row] = decoder.kernels.loss(logits, of: window[row + 1])
        }
        return losses.elements(0..<losses.count)
    }

    private func compare(_ window: [Int32], _ exact: Residuals, _ plan: SparsityPlan) -> WindowComparison {
        let sparse = Residuals(decoder.parameters, count: window.count)
        _ = decoder.takeCounts(of: plan)
        _ = decoder.evaluate(
            .tokens(window), at: 0, options: BatchOptions(plan: plan, precision: precision), output: sparse)
        let counts = decoder.takeCounts(of: plan)
        let divergences = SharedBuffer<Double>(count: window.count)
        let losses = SharedBuffer<Double>(count: window.count)
        let agreements = SharedBuffer<UInt8>(count: window.count)
        let kernels = decoder.kernels
        decoder.forEachLogits(
            exact, and: sparse, candidates: plan.headCandidates, precision: precision
        ) { row, dense, other in
            guard let other else { return }
            divergences[row] = kernels.divergence(of: dense, from: other)
            agreements[row] = kernels.argmax(dense) == kernels.argmax(other) ? 1 : 0
            losses[row] = row + 1 < window.count ? kernels.loss(other, of: window[row + 1]) : 0
        }
        return WindowComparison(
            divergences: divergences.elements(0..<window.count),
            loss: losses.elements(0..<window.count).reduce(0, +),
            agreements: agreements.elements(0..<window.count).reduce(0) { $0 + Int($1) }, counts: counts)
    }
}

/// What the dense model makes of a text, kept to compare with.
package struct DenseReference: Sendable {
    struct Window: Sendable {
        var tokens: [Int32]
        /// After the last layer.
        var residuals: Residuals
    }

    package let score: DenseScore
    let windows: [Window]
}

/// Dense decoding of a text.
package struct DenseScore: Sendable {
    /// Over every prediction within a window.
    package var perplexity: Double
    /// Of weights.
    package var bytesPerToken: Double
}

/// Sparse decoding of a text beside dense decoding.
package struct SparseScore: Sendable {
    package var perplexity: Double
    /// `KL(dense || sparse)` in nats: the mean over tokens, and what 99 of 100 tokens stay below.
    package var meanDivergence: Double
    package var highDivergence: Double
    /// Share of tokens whose likeliest next token is the same.
    package var agreement: Double
    package var counts: SiteCounts
    /// Of weights, on average.
    package var bytesPerToken: Double
}

private struct WindowComparison {
    var divergences: [Double]
    var loss: Double
    var agreements: Int
    var counts: SiteCounts
}

private struct Sums {
    private var divergences: [Double] = []
    private var loss = 0.0
    private var agreements = 0
    private var counts: SiteCounts?

    mutating func add(_ window: WindowComparison) {
        divergences += window.divergences
        loss += window.loss
        agreements += window.agreements
        if counts == nil { counts = window.counts } else { counts?.add(window.counts) }
    }

    func score(predictions: Int, _ weights: ModelWeights) -> SparseScore {
        guard let counts else { preconditionFailure("a corpus has at least one window") }
        let sorted = divergences.sorted()
        return SparseScore(
            perplexity: exponential(loss / Double(max(predictions, 1))),
            meanDivergence: divergences.reduce(0, +) / Double(divergences.count),
            highDivergence: sorted[min(sorted.count * 99 / 100, sorted.count - 1)],
            agreement: Double(agreements) / Double(divergences.count), counts: counts,
            bytesPerToken: weights.greedyBytesPerToken(counts))
    }
}

extension KernelSet {
    /// `-log softmax(logits)[token]`.
    func loss(_ logits: FloatSlice, of token: Int32) -> Double {
        logSumExp(logits) - Double(logits[Int(token)])
    }
}
