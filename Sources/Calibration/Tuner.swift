internal import Decoder
internal import Kernels
internal import Machine
internal import WeightStore

/// Spreads the bytes that `chess` reads at some sparsity over four sites of every layer, where they do most.
///
/// Leaving channels out of one site of one layer costs KL in proportion to the energy left out; the factor is
/// measured once for each site and layer, at one share. Under a budget of bytes the best shares follow from
/// Lagrange's rule. Sites are not quite independent, so a few weights over sites and depth are then searched
/// by the KL of whole candidates. What KL is better than it need be is given up for fewer gaps, which take time.
struct Tuner {
    private let calibrator: Calibrator
    private let request: CalibrationRequest

    init(_ calibrator: Calibrator, _ request: CalibrationRequest) {
        self.calibrator = calibrator
        self.request = request
    }

    private var decoder: Decoder { calibrator.decoder }
    private var layerCount: Int { decoder.parameters.layers }

    func sites() -> [SparsitySite: [SparsityProfile.Rule]] {
        guard request.sparsity > 0 else { return [:] }
        let first = calibrator.moments(
            [.up, .attentionOutput, .feedForwardInput], [.attentionOutput: .plain])
        let weights = first.upWeights(.rootMeanSquare)
        let (outputs, inputs) = (first.means(.attentionOutput), first.means(.feedForwardInput))
        let curves = calibrator.magnitudes(
            [
                .attentionInput: .plain, .attentionOutput: .centered(outputs),
                .feedForwardInput: .centered(inputs), .gate: .weighted(weights),
            ]
        ).curves
        let paper = calibrator.settled(
            calibrator.paper(
                .chess, request.sparsity, inputs: curves.merging(first.curves) { _, plain in plain },
                scores: curves[.gate], weights),
            of: .chess)
        let chess = decoder.plan { paper[$0]?[$1] }
        // Beyond what bounds save.
        let model = decoder.weights
        let saved = Double(model.headBytesSaved(request.headCandidates) - model.headBytesSaved(nil))
        let wanted = savings(chess)
        let budget = wanted - Self.worthOfHead * saved
        guard budget > 0 else { return [:] }
        var choices =
            self.choices(.queryInput, curves[.attentionInput])
            + self.choices(.attentionOutput, curves[.attentionOutput])
            + self.choices(.gateInput, curves[.feedForwardInput])
            + self.choices(.channels, curves[.gate])
        let rule: RuleMaker = { choice, share in
            guard share > 0 else { return SparsityProfile.Rule() }
            let limit = Float(choice.curve.limit(share))
            switch choice.site {
            case .channels: return calibrator.channelRule(choice.curve, weights[choice.layer], share)
            case .attentionOutput, .gateInput:
                let centers = choice.site == .gateInput ? inputs : outputs
                return SparsityProfile.Rule(
                    limits: [limit], center: centers[choice.layer].elements(0..<centers[choice.layer].count),
                    target: share)
            default: return SparsityProfile.Rule(limits: [limit], target: share)
            }
        }
        measureSensitivities(&choices, rule)
        let shares = search(choices, budget: budget, beside: chess, rule)
        var sites: [SparsitySite: [SparsityProfile.Rule]] = [:]
        for (choice, share) in zip(choices, shares) {
            sites[choice.site, default: [SparsityProfile.Rule](repeating: .init(), count: layerCount)][
                choice.layer] = rule(choice, share)
        }
        return sites
    }

    /// What a byte that the head saves is worth in bytes of the others. A head is read in order, which takes less time
    /// for a byte than anything else: with 1 `tuned` is slower than `chess` at its bytes.
    private static let worthOfHead = 0.85

    private func choices(_ site: SparsitySite, _ curves: [QuantileCurve]?) -> [Choice] {
        (curves ?? []).enumerated().map { layer, curve in
            Choice(
                site: site, layer: layer, curve: curve,
                bytes: decoder.weights.channelBytes(site, layer) * decoder.parameters.width(site))
        }
    }

    private typealias RuleMaker = (Choice, Double) -> SparsityProfile.Rule

    // MARK: Measuring

    /// Fills in the KL per share of energy left out, for each site and layer alone.
    private func measureSensitivities(_ choices: inout [Choice], _ rule: RuleMaker) {
        let share = min(max(request.sparsity, 0.3), 0.8)
        var done = 0
        let windows = calibrator.corpus.sample(tokens: max(request.searchTokens / 2, 64))
        for window in windows {
            let exact = exact(window)
            let stream = Residuals(decoder.parameters, count: window.count)
            let sparse = Residuals(decoder.parameters, count: window.count)
            _ = decoder.evaluate(.tokens(window), at: 0, layers: 0..<0, output: stream)
            for layer in 0..<layerCount {
                for index in choices.indices where choices[index].layer == layer {
                    let choice = choices[index]
                    let plan = decoder.plan { site, layer in
                        site == choice.site && layer == choice.layer ? rule(choice, share) : nil
                    }
                    _ = decoder.evaluate(
                        .residuals(stream), at: 0, layers: layer..<layerCount,
                        options: BatchOptions(plan: plan, precision: .int16), output: sparse)
                    let energy = max(choice.curve.energy(share), 1e-12)
                    choices[index].sensitivity += divergence(exact, sparse) / energy / Double(windows.count)
                    done += 1
                    calibrator.progress(
                        CalibrationProgress(
                            phase: .sensitivity, done: done, total: choices.count * windows.count))
                }
                _ = decoder.evaluate(
                    .residuals(stream), at: 0, layers: layer..<layer + 1,
                    options: BatchOptions(precision: .int16), output: stream)
            }
        }
    }

    private func exact(_ window: [Int32]) -> Residuals {
        let exact = Residuals(decoder.parameters, count: window.count)
        _ = decoder.evaluate(
            .tokens(window), at: 0, options: BatchOptions(precision: .int16), output: exact)
        return exact
    }

    /// The head costs as much as several layers: one token of so many is compared.
    private static let everyToken = 2

    /// Mean KL in nats, of a head with candidates where they are given.
    private func divergence(_ exact: Residuals, _ sparse: Residuals, candidates: Int? = nil) -> Double {
        let tokens = Array(stride(from: 0, to: exact.count, by: Self.everyToken))
        let values = SharedBuffer<Double>(count: tokens.count)
        let kernels = decoder.kernels
        decoder.forEachLogits(
            exact, and: sparse, tokens: tokens, candidates: candidates, precision: .int16
        ) { row, dense, other in
            if let other { values[row] = kernels.divergence(of: dense, from: other) }
        }
        return values.elements(0..<tokens.count).reduce(0, +) / Double(tokens.count)
    }

    /// Bytes per token that a plan leaves out of the search's windows.
    private func savings(_ plan: SparsityPlan) -> Double {
        _ = decoder.takeCounts(of: plan)
        for window in calibrator.corpus.sample(tokens: request.searchTokens) {
            _ = decoder.evaluate(.tokens(window), at: 0, options: BatchOptions(plan: plan))
        }
        let weights = decoder.weights
        return Double(weights.bytesPerToken) - weights.bytesPerToken(decoder.takeCounts(of: plan))
    }

    /// The shares of the best candidate found, which leaves out `budget` bytes.
    private func search(
        _ choices: [Choice], budget: Double, beside chess: SparsityPlan, _ rule: @escaping RuleMaker
    ) -> [Double] {
        let texts = calibrator.corpus.sample(tokens: request.searchTokens)
            .map { (tokens: $0, exact: exact($0)) }
        func plan(_ shares: [Double]) -> SparsityPlan {
            var rules: [SparsitySite: [Int: SparsityProfile.Rule]] = [:]
            for (choice, share) in zip(choices, shares) where share > 0 {
                rules[choice.site, default: [:]][choice.layer] = rule(choice, share)
            }
            return decoder.plan { site, layer in rules[site]?[layer] }
        }
        var tried = 0
        func divergence(of plan: SparsityPlan, candidates: Int?) -> Double {
            let sum = texts.reduce(0.0) { sum, text in
                let sparse = Residuals(decoder.parameters, count: text.tokens.count)
                _ = decoder.evaluate(
                    .tokens(text.tokens), at: 0, options: BatchOptions(plan: plan, precision: .int16),
                    output: sparse)
                return sum + self.divergence(text.exact, sparse, candidates: candidates)
            }
            tried += 1
            calibrator.progress(
                CalibrationProgress(
                    phase: .search, done: min(tried, ShareSearch.mostTrials), total: ShareSearch.mostTrials))
            return sum / Double(texts.count)
        }
        let allowed = Self.allowedDivergence * divergence(of: chess, candidates: nil)
        let search = ShareSearch(
            choices, layers: layerCount, budget: budget, allowed: allowed,
            divergence: { shares in
                divergence(
                    of: plan(shares), candidates: request.headCandidates == 0 ? nil : request.headCandidates)
            }, savings: { shares in savings(plan(shares)) })
        return search.best()
    }

    /// Times the KL of `chess` at the same bytes, on the text that is searched with; on others it was up to a twentieth more.
    /// With 0.47 half as much again was lost as with 0.36, and a twentieth gained in time at most.
    private static let allowedDivergence = 0.4
}
