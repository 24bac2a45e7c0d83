internal import Calibration
internal import Decoder
internal import Kernels
internal import Machine
internal import Tokenizer
internal import WeightStore
internal import WireAPI

/// One tuning: quality first, with the whole model, then speed as decoding will find it.
final class Tuning {
    private let command: TuneCommand
    private let bounds: QualityBounds
    private let bar = ProgressBar()
    private let start = ProcessFacts.monotonicNanoseconds
    /// Before anything was made: what a program that only decodes has too.
    private let ownBytes = ProcessFacts.anonymousResidentBytes
    private let budget: Int?
    /// See `SparsityProfile.headCandidates`.
    private let headCandidates: Int
    private let statePath: String

    /// Factors tried where not all weights are in memory: 1 first, then rising.
    private static let factors: [Float] = [1, 1.15, 1.3, 1.5, 2, 3]
    /// As `chessctl bench` has them, so that it shows the same.
    private static let (promptCount, decodeCount) = (128, 64)
    private static let chosenRounds = 5
    private static let (steppedTokens, steppedWarmUp) = (256, 64)

    init(_ command: TuneCommand) throws(StoreError) {
        self.command = command
        bounds = command.bounds
        budget = command.memory?.resolved
        let model = try StoreInspection(path: command.options.model)
        let hasPreview = model.tensors.contains { $0.name == HeadPreviewName.weights }
        let usual = SparsityProfile.usualHeadCandidates(vocabulary: model.metadata.model.vocabulary)
        headCandidates = hasPreview ? command.headCandidates ?? usual : 0
        statePath = command.output + ".partial"
    }

    /// - Throws: `ModelToolError.outOfBounds` when nothing is good enough, and what any part throws.
    func run() throws -> (profile: SparsityProfile, report: TuneReport) {
        let threads = command.options.threadCount
        let bandwidth = ReadBandwidth(byteCount: 128 << 20, threads: threads).measure()
        // A budget that is too small is to be known now, not after minutes.
        let isCached = try budget != nil && open(nil).memory?.cache != nil
        var quality = try quality()
        let found = try measureSpeed(&quality, isCached: isCached)
        try timeChosen(&quality, found)
        bar.clear()
        let (state, reference) = (quality.state, quality.reference)
        let chosen = state.candidates[found]
        let candidates = asked(state).map { index in
            TuneReport.Candidate(
                state.candidates[index], isChosen: index == found,
                isWithinBounds: state.candidates[index].isAdmitted(bounds, reference.score.perplexity))
        }
        let report = TuneReport(
            path: command.output, model: quality.model, text: command.text,
            textSha256: state.key.corpusSHA256, calibrationTokens: state.key.tokens,
            heldOutTokens: state.key.heldOutTokens, context: state.key.context, memoryBudgetBytes: budget,
            bounds: bounds.text, maxKl: bounds.divergence,
            maxPerplexity: bounds.perplexity?.greatest(reference.score.perplexity),
            board: TuneReport.Board(
                kernels: state.key.kernels, threads: threads, cores: Cores.allowed.count,
                readBandwidthBytesPerSecond: bandwidth,
                weightBytesPerSecond: chosen.bytesPerToken * (chosen.tokensPerSecond ?? 0)),
            dense: TuneReport.Dense(
                perplexity: reference.score.perplexity, bytesPerToken: reference.score.bytesPerToken,
                tokensPerSecond: state.denseRates.isEmpty ? nil : Median.of(state.denseRates)),
            candidates: candidates,
            seconds: Double(ProcessFacts.monotonicNanoseconds - start) / 1e9)
        return (quality.profile(of: chosen), report)
    }

    /// What is known once the whole model is no longer needed.
    private struct Quality {
        var model: String
        var state: TuneState
        var reference: DenseReference
        /// Within the bounds.
        var profiles: [SparsityProfile]
        /// What speed is measured on.
        var sample: [Int32]

        /// With the factor of `candidate`, which is within the bounds.
        func profile(of candidate: TuneCandidate) -> SparsityProfile {
            guard var profile = profiles.first(where: { $0.isOf(candidate) }) else {
                preconditionFailure("\(candidate.name) was timed without a profile")
            }
            profile.absentFactor = candidate.absentFactor
            return profile
        }
    }

    private func quality() throws -> Quality {
        let options = command.options
        let store = try options.openStore()
        let windowCount = (command.heldOut + command.context - 1) / command.context
        let (corpus, decoder) = try options.open(
            store, text: command.text, tokens: command.tokens + windowCount * command.context,
            window: command.context)
        let (first, heldOut) = try corpus.split(holdingOut: command.heldOut)
        let key = TuneState.Key(
            program: Version.current, storeIdentity: try StoreInspection(path: options.model).identity,
            corpusSHA256: corpus.sha256, tokens: first.tokenCount, heldOutTokens: heldOut.tokenCount,
            context: corpus.windows[0].count, decodedTokens: Self.decodeCount, budget: budget,
            storageRate: command.storageReadRate.given, headCandidates: headCandidates,
            threads: options.threadCount,
            kernels: decoder.kernels.name, cacheFormat: decoder.cache.format.rawValue)
        var (state, note) = TuneState.resumed(path: statePath, key: key)
        if let note { Terminal.note("chessctl tune: \(note)") }
        let series = ProfileSeries(
            Calibrator(decoder, first) { [bar] progress in
                bar.update(step: progress.phase.rawValue, done: progress.done, total: progress.total)
            }, model: ProfiledModel(store), program: "chessctl \(Version.current)")
        let (reference, profiles) = try measureQuality(&state, decoder, heldOut, series)
        let sample = try options.tokenizer(store).encode(
            SampleText.prose, addSpecial: false, parseSpecial: false)
        return Quality(
            model: store.parameters.name, state: state, reference: reference, profiles: profiles,
            sample: sample.isEmpty ? [0] : sample)
    }

    // MARK: Quality

    /// Evaluates every candidate that the state does not know.
    ///
    /// - Returns: the dense model on the held-out text, and the profiles within the bounds.
    private func measureQuality(
        _ state: inout TuneState, _ decoder: Decoder, _ heldOut: Corpus, _ series: ProfileSeries
    ) throws -> (DenseReference, [SparsityProfile]) {
        let evaluator = Evaluator(decoder, heldOut, precision: .int16)
        let reference = evaluator.reference { [bar] in bar.update(step: "dense", done: $0, total: $1) }
        let dense = reference.score.perplexity
        var profiles: [SparsityProfile] = []
        for method in command.methods.methods {
            // Sparser ones are worse: behind the first beyond the bounds no other is within them.
            for sparsity in command.sparsities.values {
                func made() throws -> SparsityProfile {
                    try series.profile(
                        CalibrationRequest(method: method, sparsity: sparsity, headCandidates: headCandidates)
                    )
                }
                if let known = state.index(method.rawValue, sparsity) {
                    guard state.candidates[known].isAdmitted(bounds, dense) == true else { break }
                    profiles.append(try made())
                    continue
                }
                let profile = try made()
                let score = evaluator.score(decoder.plan(profile), against: reference) { [bar] in
                    bar.update(step: "evaluating \(method.rawValue) \(sparsity)", done: $0, total: $1)
                }
                let candidate = TuneCandidate(
                    method: method.rawValue, sparsity: sparsity, divergence: score.meanDivergence,
                    perplexity: score.perplexity, bytesPerToken: score.bytesPerToken)
                state.candidates.append(candidate)
                try state.write(to: statePath)
                guard candidate.isAdmitted(bounds, dense) == true else { break }
                profiles.append(profile)
            }
        }
        guard !profiles.isEmpty else { throw nothing(state, dense) }
        return (reference, profiles)
    }

    /// Nothing is within the bounds: says what came closest, and leaves nothing behind.
    private func nothing(_ state: TuneState, _ dense: Double) -> ModelToolError {
        bar.clear()
        TuneState.remove(statePath)
        let best = asked(state).map { state.candidates[$0] }
            .min { $0.divergence ?? .infinity < $1.divergence ?? .infinity }
        let figures = best.map {
            "the best is \($0.name) with KL \(Readable.fixed($0.divergence ?? 0, 4)) and perplexity "
                + "\(Readable.fixed($0.perplexity ?? 0, 3)), where the dense model has "
                + Readable.fixed(dense, 3)
        }
        return .outOfBounds(
            path: command.options.model,
            reason:
                "nothing tried is within \(bounds.text): \(figures ?? "nothing was measured"); allow more, "
                + "or try smaller --sparsities or other --methods")
    }

    /// Places of candidates that this command asks for; a state may know others.
    private func asked(_ state: TuneState) -> [Int] {
        state.candidates.indices.filter { index in
            let candidate = state.candidates[index]
            return command.methods.methods.contains { $0.rawValue == candidate.method }
                && command.sparsities.values.contains(candidate.sparsity)
        }.sorted { left, right in
            let (a, b) = (state.candidates[left], state.candidates[right])
            return (a.method, a.sparsity, a.absentFactor) < (b.method, b.sparsity, b.absentFactor)
        }
    }

    // MARK: Speed

    /// Times the profiles in turn, within a budget each with the greatest factor that is within the bounds.
    ///
    /// - Returns: the place of the fastest in the state.
    private func measureSpeed(_ quality: inout Quality, isCached: Bool) throws -> Int {
        let rounds = command.rounds ?? (isCached ? 3 : 5)
        if isCached {
            let finalists = try finalists(&quality)
            for turn in 0..<rounds * finalists.count {
                bar.update(step: "decoding", done: turn, total: rounds * finalists.count)
                let (profile, place) = finalists[turn % finalists.count]
                try timeWithin(&quality.state, profile, place, quality.sample, turn / finalists.count)
                try quality.state.write(to: statePath)
            }
        } else {
            var lanes = try DecoderLanes(
                StoreInspection(path: command.options.model), decoderOptions(nil), profiles: quality.profiles)
            var bench = try bench(lanes.dense, quality.sample)
            for profile in quality.profiles {
                try bench.add(NamedPlan(profile, name: profile.method, lanes.lane(for: profile).decoder))
            }
            for round in 0..<rounds {
                bar.update(step: "decoding", done: round, total: rounds)
                try timeResident(&quality.state, quality.profiles, bench, round)
                try quality.state.write(to: statePath)
            }
        }
        let dense = quality.reference.score.perplexity
        // Only what this command asks for, in its order.
        let places = asked(quality.state)
        guard
            let best = TuneChoice.fastest(
                places.map { quality.state.candidates[$0] }, bounds, densePerplexity: dense)
        else { throw nothing(quality.state, dense) }
        return places[best]
    }

    /// Each profile with the greatest factor within the bounds, and its place in the state: less is read with a
    /// greater one, so smaller ones need no timing. What a factor costs grows with it and with sparsity.
    private func finalists(_ quality: inout Quality) throws -> [(SparsityProfile, Int)] {
        let dense = quality.reference.score.perplexity
        var finalists: [(SparsityProfile, Int)] = []
        for method in command.methods.methods {
            var greatest = Self.factors.count - 1
            let profiles = quality.profiles.filter { $0.method == method.rawValue }
            for profile in profiles {
                let plain = place(of: profile, Self.factors[0], &quality.state)
                greatest = try TuneChoice.greatest(upTo: greatest) { index in
                    let place = place(of: profile, Self.factors[index], &quality.state)
                    try step(&quality.state, place, plain: plain, profile, quality.reference)
                    try quality.state.write(to: statePath)
                    return quality.state.candidates[place].isAdmitted(bounds, dense) == true
                }
                finalists.append((profile, place(of: profile, Self.factors[greatest], &quality.state)))
            }
        }
        return finalists
    }

    /// Where the state has a profile with a factor; it is added where it is not there.
    private func place(of profile: SparsityProfile, _ factor: Float, _ state: inout TuneState) -> Int {
        if let known = state.index(profile.method, profile.sparsity, factor) { return known }
        let plain = state.index(profile.method, profile.sparsity).map { state.candidates[$0] }
        state.candidates.append(
            TuneCandidate(
                method: profile.method, sparsity: profile.sparsity, absentFactor: factor,
                bytesPerToken: plain?.bytesPerToken ?? 0))
        return state.candidates.count - 1
    }

    /// One round of all profiles and of dense decoding, all weights in memory.
    private func timeResident(
        _ state: inout TuneState, _ profiles: [SparsityProfile], _ bench: Bench, _ round: Int
    ) throws {
        if state.denseRates.count <= round { state.denseRates.append(try bench.run(nil).rate) }
        for (index, profile) in profiles.enumerated() {
            guard let place = state.index(profile.method, profile.sparsity),
                state.candidates[place].rates.count <= round
            else { continue }
            state.candidates[place].rates.append(try bench.run(index).rate)
        }
    }

    /// One round of one profile with the factor at `place`. What deserves memory depends on both, so that each has a
    /// decoder of its own.
    private func timeWithin(
        _ state: inout TuneState, _ profile: SparsityProfile, _ place: Int, _ sample: [Int32], _ round: Int
    ) throws {
        guard state.candidates[place].rates.count <= round else { return }
        var own = profile
        own.absentFactor = state.candidates[place].absentFactor
        let bench = try bench(open(own), sample, own)
        let run = try bench.run(0)
        state.candidates[place].rates.append(run.rate)
        state.candidates[place].storageBytesPerToken = bench.storage(run.traffic, runs: 1)?.bytesPerToken
        // What was dropped for want of memory counts only here, on the text of the benchmark.
        if own.absentFactor > 1 { state.candidates[place].bytesPerToken = run.bytesPerToken }
    }

    /// Times the chosen profile anew, as `chessctl bench` will: the fastest of many is one that was lucky, too.
    private func timeChosen(_ quality: inout Quality, _ place: Int) throws {
        let profile = quality.profile(of: quality.state.candidates[place])
        let bench = try bench(open(profile), quality.sample, profile)
        quality.state.candidates[place].rates = try (0..<Self.chosenRounds).map { round in
            bar.update(step: "timing the choice", done: round, total: Self.chosenRounds)
            return try bench.rateBehindPrompt(0)
        }
    }

    private func bench(
        _ lane: DecoderLanes.Lane, _ sample: [Int32], _ profile: SparsityProfile? = nil
    ) throws -> Bench {
        var bench = Bench(
            lane.decoder, tokens: sample, prompt: Self.promptCount, decode: Self.decodeCount,
            memory: lane.memory, bandwidth: nil)
        _ = try bench.warmUp()
        if let profile { try bench.add(NamedPlan(profile, name: profile.method, lane.decoder)) }
        return bench
    }

    /// Finds out what the factor at `place` costs, by stepping with it and without.
    private func step(
        _ state: inout TuneState, _ place: Int, plain: Int, _ profile: SparsityProfile,
        _ reference: DenseReference
    ) throws {
        for index in [plain, place] where state.candidates[index].steppedDivergence == nil {
            var own = profile
            own.absentFactor = state.candidates[index].absentFactor
            let decoder = try open(own, context: Self.steppedTokens).decoder
            let name = state.candidates[index].name
            let score = try reference.stepped(
                decoder, decoder.plan(own), tokens: Self.steppedTokens, warmUp: Self.steppedWarmUp
            ) { [bar] in bar.update(step: "stepping \(name)", done: $0, total: $1) }
            state.candidates[index].steppedDivergence = score.divergence
            state.candidates[index].steppedLoss = score.loss
        }
        state.candidates[place].derive(from: state.candidates[plain])
    }

    /// A decoder as a program that does nothing else would open it.
    private func open(_ profile: SparsityProfile?, context: Int? = nil) throws -> DecoderLanes.Lane {
        let options = decoderOptions(profile, context: context)
        let own = (options.budget ?? 0) - (budget ?? 0)
        do {
            return try DecoderLanes.open(StoreInspection(path: command.options.model), options)
        } catch let error as DecoderError {
            guard case .budgetTooSmall(let path, let budget, let needed) = error else { throw error }
            throw DecoderError.budgetTooSmall(path: path, budget: budget - own, needed: needed - own)
        }
    }

    private func decoderOptions(_ profile: SparsityProfile?, context: Int? = nil) -> DecoderOptions {
        let usual = Bench.context(
            prompt: Self.promptCount, decode: Self.decodeCount, isBudgeted: budget != nil)
        var options = command.options.decoderOptions(context: context ?? usual)
        // What tuning itself holds is no part of the budget: decoding alone will not hold it.
        options.budget = budget.map { $0 + max(0, ProcessFacts.anonymousResidentBytes - ownBytes) }
        options.profile = profile
        options.headCandidates = headCandidates
        options.storageRate = command.storageReadRate.given
        return options
    }
}

extension SparsityProfile {
    /// Whether this is the profile of `candidate`, at any factor.
    fileprivate func isOf(_ candidate: TuneCandidate) -> Bool {
        method == candidate.method && sparsity == candidate.sparsity
    }
}

extension TuneReport.Candidate {
    fileprivate init(_ candidate: TuneCandidate, isChosen: Bool, isWithinBounds: Bool?) {
        self.init(
            method: candidate.method, sparsity: candidate.sparsity,
            absentFactor: Double(candidate.absentFactor), kl: candidate.divergence,
            perplexity: candidate.perplexity, bytesPerToken: candidate.bytesPerToken,
            tokensPerSecond: candidate.tokensPerSecond,
            storageBytesPerToken: candidate.storageBytesPerToken, isWithinBounds: isWithinBounds,
            isChosen: isChosen)
    }
}
