internal import Decoder
internal import Kernels
internal import Machine
internal import WeightStore

/// Spreads the bytes that `chess` reads at some sparsity over four sites of every layer, where they do most.
///
/// Leaving channels out of one site of one layer costs KL in proportion to the energy left out; the factor is
/// measured once for each site and layer, at one share. Under a budget of bytes the best shares follow from
/// Lagrange's rule. Sites are not quite independent, so a few weights over sites and depth are then searched
/// by the KL of whole candidates.
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
        let first = calibrator.magnitudes(
            [.attentionInput: .plain, .attentionOutput: .plain],
            moments: [.up, .attentionOutput, .feedForwardInput])
        let weights = first.upWeights(.rootMeanSquare)
        let (outputs, inputs) = (first.means(.attentionOutput), first.means(.feedForwardInput))
        let second = calibrator.magnitudes(
            [
                .attentionOutput: .centered(outputs), .feedForwardInput: .centered(inputs),
                .gate: .weighted(weights),
            ])
        let paper = calibrator.paper(
            .chess, request.sparsity, inputs: first.curves, scores: second.curves[.gate], weights)
        // Beyond what bounds save.
        let model = decoder.weights
        let saved = Double(model.headBytesSaved(request.headCandidates) - model.headBytesSaved(nil))
        let wanted = savings(decoder.plan { site, layer in paper[site]?[layer] })
        let budget = wanted - worthOfHead * saved
        guard budget > 0 else { return [:] }
        var choices =
            self.choices(.queryInput, first.curves[.attentionInput])
            + self.choices(.attentionOutput, second.curves[.attentionOutput])
            + self.choices(.gateInput, second.curves[.feedForwardInput])
            + self.choices(.channels, second.curves[.gate])
        if saved > 0 {
            for index in choices.indices { choices[index].costOfGaps = Self.costOfGaps(choices[index].site) }
        }
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
        let shares = search(choices, budget: budget, rule)
        var sites: [SparsitySite: [SparsityProfile.Rule]] = [:]
        for (choice, share) in zip(choices, shares) {
            sites[choice.site, default: [SparsityProfile.Rule](repeating: .init(), count: layerCount)][
                choice.layer] = rule(choice, share)
        }
        return sites
    }

    /// What a byte that the head saves is worth in bytes of the others. A head is read in order, which takes less time
    /// for a byte than anything else: with 1 `tuned` is slower than `chess` at its bytes where hidden channels are long.
    /// Short ones take nearly as long as all of them, so that `chess` saves little time there.
    private var worthOfHead: Double { decoder.weights.channelBytes(.channels, 0) < 1024 ? 1 : 0.85 }

    /// The share of a matrix that is charged for its gaps: bundles are read in order without any, and the others lie in
    /// panels, where a byte takes down to half the time of one between gaps. Twice as much gives SmolLM2 half again the KL
    /// and 5 % more speed. Without the head's bytes to pay for it, nothing is charged.
    private static func costOfGaps(_ site: SparsitySite) -> Double { site == .channels ? 0.05 : 0.25 }

    private func choices(_ site: SparsitySite, _ curves: [QuantileCurve]?) -> [Choice] {
        (curves ?? []).enumerated().map { layer, curve in
            Choice(
                site: site, layer: layer, curve: curve,
                bytes: decoder.weights.channelBytes(site, layer) * decoder.parameters.width(site))
        }
    }

    private typealias RuleMaker = (Choice, Double) -> SparsityProfile.Rule

    // MARK: Measuring

    /// Windows spread over the corpus, of so many tokens together, at least one.
    private func windows(_ tokens: Int) -> [[Int32]] {
        let all = calibrator.corpus.windows
        let length = min(all[0].count, tokens)
        let wanted = max(1, min(all.count, tokens / length))
        return (0..<wanted).map { Array(all[$0 * all.count / wanted].prefix(length)) }
    }

    /// Fills in the KL per share of energy left out, for each site and layer alone.
    private func measureSensitivities(_ choices: inout [Choice], _ rule: RuleMaker) {
        let share = min(max(request.sparsity, 0.3), 0.8)
        var done = 0
        let windows = windows(max(request.searchTokens / 2, 64))
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

    /// Mean KL in nats.
    private func divergence(_ exact: Residuals, _ sparse: Residuals) -> Double {
        let tokens = Array(stride(from: 0, to: exact.count, by: Self.everyToken))
        let values = SharedBuffer<Double>(count: tokens.count)
        let kernels = decoder.kernels
        decoder.forEachLogits(exact, and: sparse, tokens: tokens, precision: .int16) { row, dense, other in
            if let other { values[row] = kernels.divergence(of: dense, from: other) }
        }
        return values.elements(0..<tokens.count).reduce(0, +) / Double(tokens.count)
    }

    /// Bytes per token that a plan leaves out of the search's windows.
    private func savings(_ plan: SparsityPlan) -> Double {
        _ = decoder.takeCounts(of: plan)
        for window in windows(request.searchTokens) {
            _ = decoder.evaluate(.tokens(window), at: 0, options: BatchOptions(plan: plan))
        }
        let weights = decoder.weights
        return Double(weights.bytesPerToken) - weights.bytesPerToken(decoder.takeCounts(of: plan))
    }

    // MARK: Searching

    /// The shares of the best candidate found, which leaves out `budget` bytes.
    private func search(_ choices: [Choice], budget: Double, _ rule: RuleMaker) -> [Double] {
        let texts = windows(request.searchTokens).map { (tokens: $0, exact: exact($0)) }
        func plan(_ shares: [Double]) -> SparsityPlan {
            var rules: [SparsitySite: [Int: SparsityProfile.Rule]] = [:]
            for (choice, share) in zip(choices, shares) where share > 0 {
                rules[choice.site, default: [:]][choice.layer] = rule(choice, share)
            }
            return decoder.plan { site, layer in rules[site]?[layer] }
        }
        var tried = 0
        func cost(_ weights: SearchWeights, _ budget: Double) -> Double {
            let plan = plan(Allocation.shares(choices, weights, budget: budget, layers: layerCount))
            var sum = 0.0
            for text in texts {
                let sparse = Residuals(decoder.parameters, count: text.tokens.count)
                _ = decoder.evaluate(
                    .tokens(text.tokens), at: 0, options: BatchOptions(plan: plan, precision: .int16),
                    output: sparse)
                sum += divergence(text.exact, sparse)
            }
            tried += 1
            let rounds = 2 * SearchWeights.count * Self.steps.count + 1
            calibrator.progress(
                CalibrationProgress(phase: .search, done: min(tried, rounds), total: rounds))
            return sum / Double(texts.count)
        }
        // What is meant and what is left out differ a little where activations move with what was dropped.
        func corrected(_ weights: SearchWeights, _ meant: Double) -> Double {
            let shares = Allocation.shares(choices, weights, budget: meant, layers: layerCount)
            return meant * budget / max(savings(plan(shares)), 1)
        }
        var best = SearchWeights()
        var meant = corrected(best, budget)
        var bestCost = cost(best, meant)
        for step in Self.steps {
            for place in 0..<SearchWeights.count {
                for direction in [step, -step] {
                    var candidate = best
                    candidate[place] += direction
                    let found = cost(candidate, meant)
                    if found < bestCost {
                        (best, bestCost) = (candidate, found)
                        break
                    }
                }
            }
            meant = corrected(best, meant)
            bestCost = cost(best, meant)
        }
        return Allocation.shares(choices, best, budget: corrected(best, meant), layers: layerCount)
    }

    private static let steps = [0.8, 0.4]
}

/// One site of one layer, of which some share may be left out.
struct Choice {
    let site: SparsitySite
    let layer: Int
    let curve: QuantileCurve
    /// Of all its channels.
    let bytes: Int
    /// KL in nats per share of energy left out.
    var sensitivity = 0.0
    /// What leaving out anything costs, as a share of the bytes.
    var costOfGaps = 0.0
}

/// Corrections to the measured sensitivities, as natural logarithms: of three sites against the hidden
/// channels, along the depth of the model, and of their spread.
struct SearchWeights {
    static let count = 6
    private var values = [Double](repeating: 0, count: count)

    subscript(place: Int) -> Double {
        get { values[place] }
        set { values[place] = newValue }
    }

    /// What the sensitivity `value` of a choice becomes; `depth` is from 0 to 1.
    func corrected(_ value: Double, _ site: SparsitySite, depth: Double) -> Double {
        let siteWeight =
            switch site {
            case .queryInput: values[0]
            case .attentionOutput: values[1]
            case .gateInput: values[2]
            default: 0.0
            }
        let slope = values[3] * (depth - 0.5) + values[5] * (4 * (depth - 0.5) * (depth - 0.5) - 0.5)
        return power(max(value, 1e-12), exponential(values[4] / 2)) * exponential(siteWeight + slope)
    }
}

/// Lagrange's rule: every site of every layer gives up channels until the next byte would cost as much as
/// anywhere else.
enum Allocation {
    /// Nearly everything is never left out: thresholds are too uncertain there.
    private static let greatestShare = 0.9

    /// The share of each choice's channels to leave out, so that `budget` bytes are saved.
    static func shares(
        _ choices: [Choice], _ weights: SearchWeights, budget: Double, layers: Int
    ) -> [Double] {
        let costs = choices.map {
            weights.corrected(
                $0.sensitivity, $0.site, depth: Double($0.layer) / Double(max(layers - 1, 1)))
        }
        func shares(_ price: Double) -> [Double] {
            zip(choices, costs).map { choice, cost in best(choice, cost, price) }
        }
        // Prices in nats per byte, from nothing to what gives everything away.
        var (low, high) = (-60.0, 10.0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            let saved = zip(choices, shares(exponential(middle))).reduce(0.0) {
                $0 + Double($1.0.bytes) * $1.1
            }
            if saved < budget { low = middle } else { high = middle }
        }
        return shares(exponential(high))
    }

    private static func best(_ choice: Choice, _ cost: Double, _ price: Double) -> Double {
        var (bestShare, bestValue) = (0.0, 0.0)
        for point in 1...Int(greatestShare / QuantileCurve.step) {
            let share = Double(point) * QuantileCurve.step
            let value =
                cost * choice.curve.energy(share)
                - price * Double(choice.bytes) * (share - choice.costOfGaps)
            if value < bestValue { (bestShare, bestValue) = (share, value) }
        }
        return bestShare
    }
}
