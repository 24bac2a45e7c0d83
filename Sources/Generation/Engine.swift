package import ChatTemplate
package import Decoder
internal import Kernels
internal import Machine
package import Tokenizer
internal import WeightStore

/// The engine of a daemon: a decoder, a tokenizer and a chat template behind a bounded queue.
///
/// Requests are checked and queued on the caller's thread; one at a time is computed on a thread of its own.
package final class Engine: TextGenerator {
    package let model: ModelDescription
    private let tokenizer: Tokenizer
    private let template: ChatTemplate?
    private let sparsity: SparsityPlans
    private let room: EngineRoom
    private let cache: RecordCache?
    private let begin: UInt64
    private var queue: JobQueue { room.queue }

    /// - Parameters:
    ///   - template: `nil` when the model has none; chat requests are then refused.
    ///   - sparsity: what requests may leave out; `model` lists the same names.
    ///   - memory: the budget, where weights do not fit it.
    ///   - queueCapacity: requests that may wait behind the running one.
    ///   - predecessor: computes what it has begun first, so that the two never compete for the processors.
    package init(
        _ decoder: Decoder, tokenizer: Tokenizer, template: ChatTemplate?, model: ModelDescription,
        sparsity: SparsityPlans = SparsityPlans(), queueCapacity: Int, memory: MemoryStatus? = nil,
        after predecessor: Engine? = nil
    ) {
        self.model = model
        self.tokenizer = tokenizer
        self.template = template
        self.sparsity = sparsity
        cache = decoder.weights.cache
        begin = ProcessFacts.monotonicNanoseconds
        var status = EngineStatus(
            activity: .idle, queued: 0, queueCapacity: queueCapacity, requestsServed: 0, promptTokens: 0,
            generatedTokens: 0, prefillTokensPerSecond: 0, decodeTokensPerSecond: 0,
            threads: decoder.threadCount, kernels: decoder.kernels.name)
        status.memory = memory
        let queue = JobQueue(status)
        let thread = ComputeThread.start(name: "chess-engine")
        room = EngineRoom(
            EngineCore(decoder, tokenizer: tokenizer, queue: queue, thread: thread), queue, thread,
            after: predecessor?.room)
    }

    /// The same decoder, with its queue and what it computes now, under other profiles.
    ///
    /// - Parameters:
    ///   - model: the same model; lists the names of `sparsity`.
    ///   - queueCapacity: requests that may wait from now on.
    package func changed(model: ModelDescription, sparsity: SparsityPlans, queueCapacity: Int) -> Engine {
        Engine(self, model: model, sparsity: sparsity, queueCapacity: queueCapacity)
    }

    private init(_ other: Engine, model: ModelDescription, sparsity: SparsityPlans, queueCapacity: Int) {
        self.model = model
        self.sparsity = sparsity
        (tokenizer, template, room) = (other.tokenizer, other.template, other.room)
        (cache, begin) = (other.cache, other.begin)
        queue.update { $0.queueCapacity = queueCapacity }
    }

    package func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [TokenID] {
        tokenizer.encode(text, addSpecial: addSpecial, parseSpecial: parseSpecial)
    }

    package func bytes(of token: TokenID, showSpecial: Bool) -> [UInt8] {
        tokenizer.bytes(of: token, showSpecial: showSpecial)
    }

    package func renderChat(_ conversation: Conversation) throws(GenerationError) -> String {
        guard let template else { throw .noChatTemplate(model: model.name) }
        do {
            return try template.render(
                messages: conversation.messages, addGenerationPrompt: conversation.addGenerationPrompt,
                bosToken: text(of: tokenizer.bos), eosToken: text(of: tokenizer.eos),
                tools: conversation.tools, extra: conversation.extra,
                now: ProcessFacts.localSeconds)
        } catch {
            throw .chatTemplate(model: model.name, reason: "\(error)")
        }
    }

    private func text(of token: TokenID?) -> String {
        token.map { String(decoding: tokenizer.bytes(of: $0, showSpecial: true), as: UTF8.self) } ?? ""
    }

    package func generate(
        _ requests: [GenerationRequest]
    ) throws(GenerationError) -> AsyncThrowingStream<GenerationEvent, any Error> {
        precondition(!requests.isEmpty, "no requests")
        for request in requests { try check(request) }
        let (stream, events) = AsyncThrowingStream<GenerationEvent, any Error>.makeStream()
        let job = Job(requests, sparsity: sparsity, events: events)
        try queue.add(job)
        let queue = queue
        events.onTermination = { reason in
            if case .cancelled = reason { queue.cancel(job) }
        }
        // The task owns nothing but a wake-up: it ends when the queue is empty, and cancelling a request goes
        // through its job.
        Task { [room] in await room.drain() }
        return stream
    }

    private func check(_ request: GenerationRequest) throws(GenerationError) {
        guard !request.prompt.isEmpty else { throw .emptyPrompt }
        let limit = model.contextLength - 1
        guard request.prompt.count <= limit else {
            throw .promptTooLong(tokens: request.prompt.count, limit: limit)
        }
        for token in request.prompt where token < 0 || Int(token) >= model.vocabularySize {
            throw .tokenOutOfRange(id: token, vocabularySize: model.vocabularySize)
        }
        if let profile = request.sparsity, !model.sparsityChoices.contains(profile) {
            throw .unknownProfile(name: profile, known: model.sparsityChoices)
        }
    }

    package func status() -> EngineStatus {
        var status = queue.status
        // Asked for now, so that a prompt that waits for storage for minutes shows that it reads.
        if let cache {
            status.memory?.update(cache.total)
            status.memory?.cacheShare = cache.share
        }
        status.uptime = Double(ProcessFacts.monotonicNanoseconds - begin) * 1e-9
        return status
    }

    package func limitCache(to share: Double) {
        guard let cache else { return }
        cache.share = share
        // A running answer has done it before this is reached. The task owns nothing but a wake-up.
        Task { [room] in await room.resizeCache() }
    }

    /// Whether no request runs or waits, of engines before this one neither.
    package var isIdle: Bool { room.isIdle }

    /// Computes with `weights`, a copy of the same model's, from the next request on.
    ///
    /// - Returns: the decoder in use now.
    package func take(_ weights: ModelWeights) async -> Decoder { await room.take(weights) }

    package func pulse() -> EnginePulse { room.pulse() }

    package func shutDown(grace: Duration) async {
        let queues = room.queues
        for queue in queues { queue.refuseNew() }
        let clock = ContinuousClock()
        await JobQueue.waitUntilEmpty(queues, deadline: clock.now + grace)
        for job in queues.flatMap({ $0.cancelAll() }) {
            for request in job.requests {
                let none = GenerationSummary(
                    reason: .cancelled, trailingText: "", promptTokens: request.prompt.count,
                    cachedTokens: 0, completionTokens: 0, prefillSeconds: 0, decodeSeconds: 0)
                job.events.yield(.finished(none))
            }
            job.events.finish()
        }
        // One step or one layer of a prefill is all that can still be running.
        await JobQueue.waitUntilEmpty(queues, deadline: clock.now + .seconds(10))
    }
}
