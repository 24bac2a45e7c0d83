package import Decoder
internal import FoundationEssentials
internal import Kernels
internal import Machine
package import WeightStore

/// What a calibration is asked for.
package struct CalibrationRequest: Sendable {
    package var method: CalibrationMethod
    /// Share of channels to leave out, 0 to 0.99.
    package var sparsity: Double
    /// Tokens of the corpus that a search of `tuned` compares candidates on.
    package var searchTokens: Int
    /// See `SparsityProfile.headCandidates`; what they save is part of what `tuned` spreads.
    package var headCandidates: Int

    package init(
        method: CalibrationMethod, sparsity: Double, searchTokens: Int = 1024, headCandidates: Int = 0
    ) {
        self.method = method
        self.sparsity = sparsity
        self.searchTokens = searchTokens
        self.headCandidates = headCandidates
    }

    /// Refuses a sparsity outside the range.
    func check() throws(CalibrationError) {
        guard sparsity >= 0, sparsity <= 0.99 else { throw .sparsityOutOfRange(sparsity) }
    }
}

/// Finds the thresholds of a profile from the activations of a text.
package struct Calibrator: Sendable {
    let decoder: Decoder
    let corpus: Corpus
    let progress: @Sendable (CalibrationProgress) -> Void

    /// - Parameter progress: told what is done, on the calling thread.
    package init(
        _ decoder: Decoder, _ corpus: Corpus, progress: @escaping @Sendable (CalibrationProgress) -> Void
    ) {
        self.decoder = decoder
        self.corpus = corpus
        self.progress = progress
    }

    /// - Throws: `sparsityOutOfRange`.
    /// - Cost: a pass over the corpus and up to four over a part of it; `tuned` evaluates some hundred candidates besides.
    package func profile(
        _ request: CalibrationRequest, model: ProfiledModel, program: String
    ) throws(CalibrationError) -> SparsityProfile {
        try request.check()
        var profile = empty(request, model: model, program: program)
        profile.sites = sites(request)
        finish(&profile, request.method)
        return profile
    }

    /// A profile that keeps every channel, as what is asked for will be described.
    func empty(
        _ request: CalibrationRequest, model: ProfiledModel, program: String
    ) -> SparsityProfile {
        var profile = SparsityProfile(
            model: model, method: request.method.rawValue, sparsity: request.sparsity,
            corpus: SparsityProfile.Corpus(
                name: corpus.path.split(separator: "/").last.map(String.init) ?? corpus.path,
                sha256: corpus.sha256, tokens: corpus.tokenCount),
            createdAt: Date.now.formatted(.iso8601), program: program, sites: [:])
        profile.headCandidates = request.headCandidates
        return profile
    }

    private func sites(_ request: CalibrationRequest) -> [SparsitySite: [SparsityProfile.Rule]] {
        let sparsity = request.sparsity
        switch request.method {
        case .none: return [:]
        case .cats:
            let curves = magnitudes([.gate: .plain]).curves
            return [.channels: rules(curves[.gate], sparsity)]
        case .teal:
            let curves = magnitudes(
                [
                    .attentionInput: .plain, .attentionOutput: .plain, .feedForwardInput: .plain,
                    .hidden: .plain,
                ]
            ).curves
            return [
                .queryInput: rules(curves[.attentionInput], sparsity),
                .keyValueInput: rules(curves[.attentionInput], sparsity),
                .attentionOutput: rules(curves[.attentionOutput], sparsity),
                .gateInput: rules(curves[.feedForwardInput], sparsity),
                .upInput: rules(curves[.feedForwardInput], sparsity),
                .downInput: rules(curves[.hidden], sparsity),
            ]
        case .chess, .chessFeedForward, .chessL1: return paper(request.method, sparsity)
        case .tuned: return Tuner(self, request).sites()
        }
    }

    /// The paper's own rules: the hidden channels, and for `chess` the inputs of `q_proj` and `o_proj`.
    private func paper(
        _ method: CalibrationMethod, _ sparsity: Double
    ) -> [SparsitySite: [SparsityProfile.Rule]] {
        let found = paperStatistics(method)
        return paper(method, sparsity, inputs: found.inputs, scores: found.scores, found.weights)
    }

    /// A pass over the corpus for one of the paper's methods, after one over a part of it.
    func paperStatistics(_ method: CalibrationMethod) -> PaperStatistics {
        let weights = moments([.up]).upWeights(method == .chessL1 ? .magnitude : .rootMeanSquare)
        var measures: [ObservedActivation: ActivationStatistics.Measure] = [.gate: .weighted(weights)]
        if method == .chess {
            measures[.attentionInput] = .plain
            measures[.attentionOutput] = .plain
        }
        let curves = magnitudes(measures).curves
        return PaperStatistics(
            method: method, inputs: curves, scores: curves[.gate] ?? [], weights: weights)
    }

    /// The same from what passes have found: the magnitudes of inputs, and of gates times `weights`.
    func paper(
        _ method: CalibrationMethod, _ sparsity: Double, inputs: [ObservedActivation: [QuantileCurve]],
        scores: [QuantileCurve]?, _ weights: [SharedBuffer<Float>]
    ) -> [SparsitySite: [SparsityProfile.Rule]] {
        var sites: [SparsitySite: [SparsityProfile.Rule]] = [:]
        sites[.channels] = (scores ?? []).enumerated().map { layer, curve in
            channelRule(curve, weights[layer], sparsity)
        }
        if method == .chess {
            sites[.queryInput] = rules(inputs[.attentionInput], sparsity)
            sites[.attentionOutput] = rules(inputs[.attentionOutput], sparsity)
        }
        return sites
    }

    /// `|gate_i| >= Q / weight_i`, Q the quantile of `|gate_i| · weight_i`.
    func channelRule(
        _ curve: QuantileCurve, _ weights: SharedBuffer<Float>, _ sparsity: Double
    ) -> SparsityProfile.Rule {
        let limit = Float(curve.limit(sparsity))
        let limits = weights.elements(0..<decoder.parameters.feedForward).map { weight in
            // A channel that `up` never uses may always be left out.
            limit == 0 ? 0 : min(limit / weight, 1e30)
        }
        return SparsityProfile.Rule(limits: limits, target: sparsity)
    }

    /// One magnitude for each layer.
    private func rules(_ curves: [QuantileCurve]?, _ sparsity: Double) -> [SparsityProfile.Rule] {
        (curves ?? []).map {
            SparsityProfile.Rule(limits: [Float($0.limit(sparsity))], target: sparsity)
        }
    }

    /// Sums over `activations` of the dense model, and the magnitudes that `measures` asks for. Means of channels are
    /// known well enough from a part of a long corpus, whose windows are taken evenly.
    func moments(
        _ activations: [ObservedActivation],
        _ measures: [ObservedActivation: ActivationStatistics.Measure] = [:]
    ) -> PassResult {
        pass(over: corpus.sample(tokens: 4096), measures, moments: activations, plan: nil)
    }

    /// Passes once over the first `tokens` of the corpus, all by default: dense, or as `plan` says.
    func magnitudes(
        _ measures: [ObservedActivation: ActivationStatistics.Measure], plan: SparsityPlan? = nil,
        tokens: Int = .max
    ) -> PassResult {
        pass(over: Array(corpus.front(tokens: tokens)), measures, moments: [], plan: plan)
    }

    private func pass(
        over windows: [[Int32]], _ measures: [ObservedActivation: ActivationStatistics.Measure],
        moments: [ObservedActivation], plan: SparsityPlan?
    ) -> PassResult {
        let statistics = ActivationStatistics(decoder, measures: measures, moments: moments)
        var curves: [ObservedActivation: [QuantileCurve]] = [:]
        let total = windows.reduce(0) { $0 + $1.count }
        var done = 0
        for window in windows {
            _ = decoder.evaluate(
                .tokens(window), at: 0, options: BatchOptions(plan: plan, observer: statistics))
            statistics.endWindow(&curves)
            done += window.count
            progress(
                CalibrationProgress(
                    phase: plan == nil ? .statistics : .settling, done: done, total: total))
        }
        return PassResult(curves: curves, statistics: statistics, tokens: done, model: decoder.parameters)
    }

    /// Brings a profile of `method` to what it is meant to leave out of the first `tokens` of the corpus, and fills in what
    /// it does.
    func finish(_ profile: inout SparsityProfile, _ method: CalibrationMethod, tokens: Int = 4096) {
        profile.sites = settled(profile.sites, of: method, tokens: tokens)
        measure(&profile, tokens: tokens)
    }

    /// `sites` with thresholds on magnitudes where the sparse model leaves out what the rules say, for methods that want it.
    ///
    /// Those found on the dense model leave out other shares: what one layer drops moves what the next ones see.
    /// Every round moves all layers at once, and a layer comes to rest when those before it have.
    func settled(
        _ sites: [SparsitySite: [SparsityProfile.Rule]], of method: CalibrationMethod, tokens: Int = 4096,
        rounds: Int = 2
    ) -> [SparsitySite: [SparsityProfile.Rule]] {
        let moved = sites.filter { $0.value.allSatisfy { $0.limits.count == 1 && $0.target > 0 } }
        guard let settling = method.settling, !moved.isEmpty else { return sites }
        var sites = sites
        let measures = Dictionary(
            moved.keys.map { ($0.activation, ActivationStatistics.Measure.plain) }, uniquingKeysWith: { $1 })
        for _ in 0..<rounds {
            let found = magnitudes(measures, plan: decoder.plan { sites[$0]?[$1] }, tokens: tokens).curves
            for site in moved.keys {
                guard let curves = found[site.activation], let rules = sites[site] else { continue }
                let shares = zip(curves, rules).map { $0.share(below: Double($1.limits[0])) }
                let moves = settling.moves(zip(shares, rules).map { $0 - $1.target })
                sites[site] = rules.indices.map { layer in
                    var rule = rules[layer]
                    if moves[layer] != 0 {
                        rule.limits = [Float(curves[layer].limit(shares[layer] + moves[layer]))]
                    }
                    return rule
                }
            }
        }
        return sites
    }

    /// Fills in what share of channels the profile leaves out of the first windows of the corpus.
    private func measure(_ profile: inout SparsityProfile, tokens: Int) {
        let plan = decoder.plan(profile)
        _ = decoder.takeCounts(of: plan)
        var seen = 0
        for window in corpus.front(tokens: tokens) {
            _ = decoder.evaluate(.tokens(window), at: 0, options: BatchOptions(plan: plan))
            seen += window.count
            progress(
                CalibrationProgress(phase: .measuring, done: seen, total: min(tokens, corpus.tokenCount)))
        }
        let counts = decoder.takeCounts(of: plan)
        for (site, rules) in profile.sites {
            profile.sites[site] = rules.enumerated().map { layer, rule in
                var rule = rule
                rule.measured = rule.limits.isEmpty ? 0 : min(max(counts.sparsity(site, layer), 0), 1)
                return rule
            }
        }
    }
}

/// How far a calibration is.
package struct CalibrationProgress: Sendable, Equatable {
    package enum Phase: String, Sendable {
        case statistics = "statistics"
        case settling = "settling"
        case sensitivity = "sensitivity"
        case search = "search"
        case measuring = "measuring"
    }

    package var phase: Phase
    /// Tokens, or candidates of a search.
    package var done: Int
    package var total: Int
}

extension SparsitySite {
    /// What its thresholds are held against.
    var activation: ObservedActivation {
        switch self {
        case .queryInput, .keyValueInput: .attentionInput
        case .attentionOutput: .attentionOutput
        case .gateInput, .upInput: .feedForwardInput
        case .channels: .gate
        case .downInput: .hidden
        }
    }
}

/// What one pass over the corpus found.
struct PassResult {
    /// One per layer.
    let curves: [ObservedActivation: [QuantileCurve]]
    let statistics: ActivationStatistics
    let tokens: Int
    let model: ModelParameters

    enum Weight { case magnitude, rootMeanSquare }

    /// `[layers][feedForward]`: what a hidden channel's gate is usually multiplied with.
    func upWeights(_ weight: Weight) -> [SharedBuffer<Float>] {
        (0..<model.layers).map { layer in
            SharedBuffer(
                weight == .magnitude
                    ? statistics.sums(.up, layer: layer, \.magnitudes).map { Float($0 / Double(tokens)) }
                    : statistics.sums(.up, layer: layer, \.squares)
                        .map { Float(($0 / Double(tokens)).squareRoot()) })
        }
    }

    /// `[layers][width]`: the mean of each channel.
    func means(_ activation: ObservedActivation) -> [SharedBuffer<Float>] {
        (0..<model.layers).map { layer in
            SharedBuffer(
                statistics.sums(activation, layer: layer, \.values).map { Float($0 / Double(tokens)) })
        }
    }

}
