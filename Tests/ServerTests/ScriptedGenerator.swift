import ChatTemplate
import Generation
import Synchronization
import Tokenizer

/// A generator whose every event the test releases itself; one byte is one token.
final class ScriptedGenerator: TextGenerator {
    typealias Continuation = AsyncThrowingStream<GenerationEvent, any Error>.Continuation

    /// A generation as the test sees it.
    final class Run: Sendable {
        let requests: [GenerationRequest]
        private let continuation: Continuation
        var request: GenerationRequest { requests[0] }

        init(_ requests: [GenerationRequest], _ continuation: Continuation) {
            self.requests = requests
            self.continuation = continuation
        }

        /// Repeats a request's prompt; token n has the log-probability -n/4 and one alternative.
        func echo(_ index: Int = 0) {
            let request = requests[index]
            let tokens = request.prompt.enumerated().map { index, id in
                let isScored = request.logProbabilities != nil && index > 0
                return PromptToken(
                    id: id, bytes: ScriptedGenerator.spelling(id),
                    logProbability: isScored ? Float(index) * -0.25 : nil,
                    alternatives: isScored ? [.init(id: 66, bytes: [66], logProbability: -0.125)] : [])
            }
            continuation.yield(.prompt(tokens))
        }

        func start() { continuation.yield(.started(promptTokens: request.prompt.count, cachedTokens: 1)) }

        func say(_ text: String, id: TokenID = 65) {
            let wants = request.logProbabilities
            let alternative = TokenProbability(id: 66, bytes: [66], logProbability: -1.5)
            continuation.yield(
                .token(
                    GeneratedToken(
                        id: id, text: text, logProbability: wants == nil ? nil : -0.5,
                        alternatives: Array(repeating: alternative, count: wants ?? 0))))
        }

        /// Ends the generation of one request, and with the last one the stream.
        func finish(_ reason: FinishReason, tokens: Int, trailing: String = "", of index: Int? = nil) {
            let index = index ?? requests.count - 1
            continuation.yield(
                .finished(
                    GenerationSummary(
                        reason: reason, trailingText: trailing, promptTokens: requests[index].prompt.count,
                        cachedTokens: 1,
                        completionTokens: tokens, prefillSeconds: 0.5, decodeSeconds: 2)))
            if index == requests.count - 1 { continuation.finish() }
        }

        func fail(_ error: GenerationError) { continuation.finish(throwing: error) }
    }

    let model = ModelDescription(
        name: "tiny", architecture: "llama", parameterCount: 10, contextLength: 64, vocabularySize: 256,
        created: 7, weightBytes: 20, beginToken: "^", profiles: ["fast"])
    /// Each generation as it begins.
    let runs: AsyncStream<Run>
    /// One element for each generation that its client dropped.
    let dropped: AsyncStream<Void>
    /// One element when `shutDown` was called.
    let shutDowns: AsyncStream<Duration>

    /// Every share that the cache was limited to.
    let cacheShares = Mutex<[Double]>([])

    private let runSource: AsyncStream<Run>.Continuation
    private let droppedSource: AsyncStream<Void>.Continuation
    private let shutDownSource: AsyncStream<Duration>.Continuation
    private let refusal: GenerationError?
    private let lastConversation = Mutex<Conversation?>(nil)
    private let beginsWithTwice: Bool
    private let memory: MemoryStatus?

    init(
        refusal: GenerationError? = nil, templateWritesBegin: Bool = false, memory: MemoryStatus? = nil
    ) {
        self.memory = memory
        self.refusal = refusal
        beginsWithTwice = templateWritesBegin
        (runs, runSource) = AsyncStream.makeStream()
        (dropped, droppedSource) = AsyncStream.makeStream()
        (shutDowns, shutDownSource) = AsyncStream.makeStream()
    }

    var conversation: Conversation? { lastConversation.withLock { $0 } }

    /// Token 1 is the begin token; `^` in a text is its spelling.
    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [TokenID] {
        (addSpecial ? [1] : []) + text.utf8.map { parseSpecial && $0 == UInt8(ascii: "^") ? 1 : TokenID($0) }
    }

    func bytes(of token: TokenID, showSpecial: Bool) -> [UInt8] {
        token == 1 && !showSpecial ? [] : Self.spelling(token)
    }

    private static func spelling(_ token: TokenID) -> [UInt8] {
        [token == 1 ? UInt8(ascii: "^") : UInt8(truncatingIfNeeded: token)]
    }

    func renderChat(_ conversation: Conversation) throws(GenerationError) -> String {
        lastConversation.withLock { $0 = conversation }
        return beginsWithTwice ? "^hi" : "hi"
    }

    func generate(
        _ requests: [GenerationRequest]
    ) throws(GenerationError) -> AsyncThrowingStream<GenerationEvent, any Error> {
        if let refusal { throw refusal }
        let (stream, continuation) = AsyncThrowingStream<GenerationEvent, any Error>.makeStream()
        continuation.onTermination = { [droppedSource] reason in
            if case .cancelled = reason { droppedSource.yield() }
        }
        runSource.yield(Run(requests, continuation))
        return stream
    }

    func status() -> EngineStatus {
        var status = EngineStatus(
            activity: .idle, queued: 0, queueCapacity: 8, requestsServed: 3, promptTokens: 4,
            generatedTokens: 5,
            prefillTokensPerSecond: 6, decodeTokensPerSecond: 7, threads: 2, kernels: "scalar")
        status.uptime = 12.3456
        status.decoding.steps = 4
        status.decoding.seconds = 2.5
        status.decoding.weightBytes = 60
        status.decoding.allWeightBytes = 80
        status.memory = memory
        if let last = cacheShares.withLock({ $0.last }) { status.memory?.cacheShare = last }
        return status
    }

    /// What the engine's thread has done, as far as the test says.
    let steps = Atomic<UInt64>(0)

    func pulse() -> EnginePulse {
        EnginePulse([ObjectIdentifier(self): steps.load(ordering: .relaxed)])
    }

    func limitCache(to share: Double) { cacheShares.withLock { $0.append(share) } }

    func shutDown(grace: Duration) async { shutDownSource.yield(grace) }
}

extension AsyncStream where Element: Sendable {
    /// The next element; the stream is kept for more.
    func next() async -> Element? {
        for await element in self { return element }
        return nil
    }
}
