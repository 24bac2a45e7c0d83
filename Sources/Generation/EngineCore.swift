internal import Decoder
internal import Kernels
internal import Machine
internal import Tokenizer
internal import WeightStore

/// The part of the engine that computes: one request at a time, on a thread of its own.
actor EngineCore {
    private let thread: ComputeThread
    private var decoder: Decoder
    private let tokenizer: Tokenizer
    private let queue: JobQueue
    /// The tokens whose keys and values the cache holds: the last conversation.
    private var cached: [TokenID] = []
    /// What was left out while they were computed.
    private var cachedSparsity: SparsityChoice?

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.reference }

    init(_ decoder: Decoder, tokenizer: Tokenizer, queue: JobQueue, thread: ComputeThread) {
        self.decoder = decoder
        self.tokenizer = tokenizer
        self.queue = queue
        self.thread = thread
    }

    /// Serves requests until none waits.
    func drain() {
        while let job = queue.takeNext() {
            if job.isCancelled {
                job.events.finish()
            } else {
                serve(job)
            }
            queue.finish()
        }
    }

    /// Serves the requests of `job` one after the other, up to one for which the weights cannot be read.
    private func serve(_ job: Job) {
        for request in job.requests {
            run(request, of: job)
            guard let fault = decoder.takeFault() else { continue }
            cached = []
            queue.update { $0.fault = fault.description }
            job.events.finish(throwing: GenerationError.weights(reason: fault.description))
            return
        }
        job.events.finish()
    }

    /// Applies the share of the cache that was asked for: between two requests no weights are in use.
    func resizeCache() { decoder.weights.cache?.resize() }

    /// Goes on with another copy of the weights: no request runs now, and keys and values are the same.
    func take(_ weights: ModelWeights) -> Decoder {
        decoder = Decoder(decoder, weights: weights)
        return decoder
    }

    /// Shows that the thread still takes work.
    func beat() { queue.step() }

    private func run(_ request: GenerationRequest, of job: Job) {
        let prompt = request.prompt
        let choice = job.sparsity.choice(request.sparsity)
        // Keys and values of sparse answers are not those of a dense one.
        if let earlier = cachedSparsity, !choice.agrees(with: earlier) { cached = [] }
        cachedSparsity = choice
        let reused = reusablePrefix(of: request)
        job.events.yield(.started(promptTokens: prompt.count, cachedTokens: reused))
        let begin = ProcessFacts.monotonicNanoseconds
        queue.update { $0.activity = .prefill }
        cached.removeLast(cached.count - reused)
        var progress = Progress(reason: .length, reused: reused, begin: begin)
        guard
            prefill(
                request, from: reused, plan: choice.promptPlan,
                head: HeadScope(candidates: choice.plan?.headCandidates, reach: request.reach), of: job)
        else {
            if decoder.hasFault { return }
            progress.reason = .cancelled
            finish(request, of: job, progress)
            return
        }
        cached = prompt
        queue.update { $0.activity = .decode }
        generate(request, plan: choice.plan, of: job, &progress)
        if !decoder.hasFault { finish(request, of: job, progress) }
    }

    /// Tokens at the start of the prompt that the cache holds already; the last token is always evaluated anew,
    /// since its logits are needed, and all of them when the whole prompt is scored.
    private func reusablePrefix(of request: GenerationRequest) -> Int {
        if request.scoresPrompt { return 0 }
        let common = zip(cached, request.prompt).prefix { $0 == $1 }.count
        return min(common, request.prompt.count - 1)
    }

    /// Evaluates the prompt behind its first `reused` tokens, and reports its tokens where the request echoes;
    /// false when the job was cancelled.
    private func prefill(
        _ request: GenerationRequest, from reused: Int, plan: SparsityPlan?, head: HeadScope, of job: Job
    ) -> Bool {
        var scores = PromptScores(
            request.echo ? request.prompt : [], alternatives: request.logProbabilities ?? 0,
            tokenizer: tokenizer)
        let rest = Array(request.prompt[reused...])
        let (kernels, queue) = (decoder.kernels, queue)
        // Asked at each layer, so a long prompt shows its progress too.
        let isCancelled = { @Sendable in
            queue.step()
            return job.isCancelled
        }
        let isComplete =
            if request.scoresPrompt {
                decoder.prefill(
                    rest, at: reused, plan: plan, isCancelled: isCancelled,
                    eachLogits: { index, logits in
                        scores.read(LogProbabilities(logits, kernels: kernels), after: index)
                    })
            } else {
                decoder.prefill(rest, at: reused, plan: plan, head: head, isCancelled: isCancelled)
            }
        if isComplete && request.echo { job.events.yield(.prompt(scores.tokens)) }
        return isComplete
    }

    private struct Progress {
        var reason: FinishReason
        var reused: Int
        var begin: UInt64
        var first: UInt64 = 0
        var last: UInt64 = 0
        var generated = 0
        var trailing = ""
    }

    private func generate(
        _ request: GenerationRequest, plan: SparsityPlan?, of job: Job, _ progress: inout Progress
    ) {
        var sampler = Sampler(request.sampling, prompt: request.prompt, kernels: decoder.kernels)
        let queue = queue
        var constraint = request.grammar.map { grammar in
            Constraint(grammar, tokenizer: tokenizer) {
                queue.step()
                return job.isCancelled
            }
        }
        var characters = IncrementalUTF8()
        var stops = StopMatcher(request.stop)
        let room = decoder.context - request.prompt.count
        let limit = min(request.maxTokens ?? room, room)
        // What the prompt left out is not counted.
        _ = decoder.takeCounts(of: plan)
        while progress.generated < limit {
            if job.isCancelled {
                progress.reason = .cancelled
                return
            }
            let drawn = next(&sampler, request, constraint)
            if decoder.hasFault { return }
            // The constraint may have taken long.
            if job.isCancelled { continue }
            guard let (token, chances) = drawn else { break }
            constraint?.take(token)
            queue.step()
            let now = ProcessFacts.monotonicNanoseconds
            count(plan, since: progress.generated > 0 ? progress.last : nil, until: now)
            progress.last = now
            if progress.generated == 0 { progress.first = now }
            progress.generated += 1
            let isEnd =
                tokenizer.endOfGeneration.contains(token)
                && (constraint != nil || !request.ignoreEndOfGeneration)
            if isEnd {
                progress.reason = .stop
                if request.scoresPrompt { report(token, "", chances, to: job) }
                break
            }
            let piece = tokenizer.bytes(of: token, showSpecial: request.ignoreEndOfGeneration)
            let text = stops.append(characters.append(piece))
            report(token, text, chances, to: job)
            if stops.hasStopped {
                progress.reason = .stop
                return
            }
            if constraint?.isFinished == true {
                progress.reason = .stop
                break
            }
            guard progress.generated < limit else { break }
            decoder.step(token, at: cached.count, plan: plan, reach: request.reach)
            if decoder.hasFault { return }
            cached.append(token)
        }
        progress.trailing = stops.append(characters.flush()) + stops.flush()
    }

    /// Adds a token to the status, and the step that made it.
    ///
    /// - Parameter last: when the token before was drawn; `nil` for the first one, which the prompt made.
    private func count(_ plan: SparsityPlan?, since last: UInt64?, until now: UInt64) {
        let all = decoder.weights.bytesPerToken
        let used = last == nil ? nil : decoder.weights.bytesPerToken(decoder.takeCounts(of: plan))
        queue.update { status in
            status.generatedTokens += 1
            guard let last else { return }
            status.decoding.steps += 1
            status.decoding.seconds += Double(now - last) * 1e-9
            status.decoding.weightBytes += used.map { Int($0) } ?? all
            status.decoding.allWeightBytes += all
        }
    }

    private func report(_ token: TokenID, _ text: String, _ chances: Chances, to job: Job) {
        job.events.yield(
            .token(
                GeneratedToken(
                    id: token, text: text, logProbability: chances.own, alternatives: chances.best)))
    }

    private struct Chances {
        var own: Float?
        var best: [TokenProbability] = []
    }

    /// Draws a token, with its log-probability where the request asks for it; `nil` when none is allowed.
    private func next(
        _ sampler: inout Sampler, _ request: GenerationRequest, _ constraint: Constraint?
    ) -> (TokenID, Chances)? {
        guard let wanted = request.logProbabilities else {
            return draw(&sampler, rough: decoder, constraint).map { ($0, Chances()) }
        }
        let before = LogProbabilities(decoder.logits, kernels: decoder.kernels)
        let best = before.best(max(wanted, 1))
        // Sampling may change the logits in place, so every value that may be needed is read first.
        let all = decoder.logits.buffer.elements(
            decoder.logits.start..<decoder.logits.start + decoder.logits.count)
        guard let token = draw(&sampler, rough: nil, constraint) else { return nil }
        let offset = best.first.map { $0.logProbability - all[Int($0.id)] } ?? 0
        let alternatives = best.prefix(wanted).map {
            TokenProbability(
                id: $0.id, bytes: tokenizer.bytes(of: $0.id, showSpecial: true),
                logProbability: $0.logProbability)
        }
        return (token, Chances(own: all[Int(token)] + offset, best: alternatives))
    }

    private func draw(
        _ sampler: inout Sampler, rough: (any RoughLogits)?, _ constraint: Constraint?
    ) -> TokenID? {
        guard let constraint else { return sampler.next(decoder.logits, rough: rough) }
        return sampler.next(decoder.logits, rough: rough, allowedBy: constraint)
    }

    private func finish(_ request: GenerationRequest, of job: Job, _ progress: Progress) {
        let end = progress.first == 0 ? ProcessFacts.monotonicNanoseconds : progress.first
        let summary = GenerationSummary(
            reason: progress.reason, trailingText: progress.trailing, promptTokens: request.prompt.count,
            cachedTokens: progress.reused, completionTokens: progress.generated,
            prefillSeconds: Double(end - progress.begin) * 1e-9,
            decodeSeconds: Double(progress.last - min(progress.first, progress.last)) * 1e-9)
        queue.update { status in
            status.requestsServed += 1
            // Before the client knows, who may ask at once.
            status.fault = nil
            status.promptTokens += summary.promptTokens
            let evaluated = Double(summary.promptTokens - summary.cachedTokens)
            if summary.prefillSeconds > 0 {
                status.prefillTokensPerSecond = evaluated / summary.prefillSeconds
            }
            if summary.decodeSeconds > 0 {
                status.decodeTokensPerSecond = Double(summary.completionTokens - 1) / summary.decodeSeconds
            }
        }
        job.events.yield(.finished(summary))
    }
}
