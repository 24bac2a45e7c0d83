package import Tokenizer
internal import WeightStore

/// What the server needs of an engine. `Engine` is the real one; tests of the server script their own.
package protocol TextGenerator: Sendable {
    /// What is loaded; never changes while the generator lives.
    var model: ModelDescription { get }

    /// Token ids of `text`.
    ///
    /// - Parameters:
    ///   - addSpecial: puts the model's begin token in front when the model wants one.
    ///   - parseSpecial: control tokens written in `text` become those tokens.
    func tokenize(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [TokenID]

    /// The bytes that stand for `token`; for control tokens their spelling with `showSpecial`, else nothing.
    func bytes(of token: TokenID, showSpecial: Bool) -> [UInt8]

    /// The prompt text of a conversation by the model's own chat template, ready for
    /// `tokenize(_:addSpecial:parseSpecial:)` with `parseSpecial`.
    ///
    /// - Parameter messages: JSON objects as the client sent them (`role`, `content`, ...), as template values.
    /// - Throws: `GenerationError.noChatTemplate`, or `.chatTemplate` with the template's own words.
    func renderChat(_ conversation: Conversation) throws(GenerationError) -> String

    /// Puts requests in the queue as one entry and returns their events, one request after the other; the
    /// stream ends after the last `finished`.
    ///
    /// Dropping or cancelling the stream stops the generation within one token.
    /// - Throws: `GenerationError.queueFull`, `.promptTooLong`, `.emptyPrompt`, `.tokenOutOfRange`,
    ///   `.unknownProfile`, `.stopping`.
    func generate(
        _ requests: [GenerationRequest]
    ) throws(GenerationError) -> AsyncThrowingStream<GenerationEvent, any Error>

    /// What the engine is doing now.
    func status() -> EngineStatus

    /// Keeps no more than `share` of the memory for weights that do not all fit, 0 to 1: at the next fetch, or at
    /// once when nothing is computed. Answers do not change. Nothing happens where all weights are in memory.
    func limitCache(to share: Double)

    /// How far the computation has come; it has moved by the next call unless it hangs.
    func pulse() -> EnginePulse

    /// Refuses new requests, lets running ones go on for `grace`, then ends them with `cancelled`.
    func shutDown(grace: Duration) async
}

/// The facts about a loaded model that clients may see.
package struct ModelDescription: Sendable, Equatable {
    /// The store's file name without its extension; the `model` of requests and answers.
    package var name: String
    package var architecture: String
    package var parameterCount: Int
    package var contextLength: Int
    package var vocabularySize: Int
    /// Seconds since 1970 at which the store was written.
    package var created: Int
    /// Bytes of weights that are resident or mapped.
    package var weightBytes: Int
    /// Spelling of the tokens that begin and end a text; `nil` when the model has none.
    package var beginToken: String?
    package var endToken: String?
    /// Names of the sparsity profiles a request may ask for, besides `dense`.
    package var profiles: [String]

    /// All that `GenerationRequest.sparsity` may say.
    package var sparsityChoices: [String] { [GenerationRequest.denseProfile] + profiles }

    package init(
        name: String, architecture: String, parameterCount: Int, contextLength: Int, vocabularySize: Int,
        created: Int, weightBytes: Int, beginToken: String? = nil, endToken: String? = nil,
        profiles: [String] = []
    ) {
        self.name = name
        self.architecture = architecture
        self.parameterCount = parameterCount
        self.contextLength = contextLength
        self.vocabularySize = vocabularySize
        self.created = created
        self.weightBytes = weightBytes
        self.beginToken = beginToken
        self.endToken = endToken
        self.profiles = profiles
    }
}

/// A moment of an engine's life, for health checks and `chessctl status`.
package struct EngineStatus: Sendable, Equatable {
    package enum Activity: String, Sendable, Equatable { case idle, prefill, decode, stopping }
    package var activity: Activity
    /// Requests that wait, without the running one.
    package var queued: Int
    package var queueCapacity: Int
    package var requestsServed: Int
    package var promptTokens: Int
    /// With those of the running request.
    package var generatedTokens: Int
    /// Of the last finished request; 0 before the first.
    package var prefillTokensPerSecond: Double
    package var decodeTokensPerSecond: Double
    package var threads: Int
    /// The instruction set the kernels use, such as `neon-dotprod`.
    package var kernels: String
    /// Why the last request could not be served, when the weights were the reason; `nil` since one was.
    package var fault: String?
    /// What is kept in memory of weights that do not fit; `nil` when all are there.
    package var memory: MemoryStatus?
    /// All that was decoded so far, with the running request.
    package var decoding = DecodingTotals()
    /// Seconds since the engine was made.
    package var uptime = 0.0

    package init(
        activity: Activity, queued: Int, queueCapacity: Int, requestsServed: Int, promptTokens: Int,
        generatedTokens: Int, prefillTokensPerSecond: Double, decodeTokensPerSecond: Double, threads: Int,
        kernels: String
    ) {
        self.activity = activity
        self.queued = queued
        self.queueCapacity = queueCapacity
        self.requestsServed = requestsServed
        self.promptTokens = promptTokens
        self.generatedTokens = generatedTokens
        self.prefillTokensPerSecond = prefillTokensPerSecond
        self.decodeTokensPerSecond = decodeTokensPerSecond
        self.threads = threads
        self.kernels = kernels
    }
}

/// A memory budget and what was read because of it.
package struct MemoryStatus: Sendable, Equatable {
    /// Bytes that the process may take, and of those what weights have.
    package var budget: Int
    package var weights: Int
    /// Units of weights that were wanted so far, and of those the ones that had to be read.
    package var wanted = 0
    package var missed = 0
    package var bytesRead = 0
    package var reads = 0
    /// Of the memory for weights, what may be in use: less than 1 after memory was short.
    package var cacheShare = 1.0

    package init(budget: Int, weights: Int) {
        self.budget = budget
        self.weights = weights
    }

    mutating func update(_ traffic: CacheCounts) {
        wanted = traffic.wanted
        missed = traffic.missed
        bytesRead = traffic.bytesRead
        reads = traffic.reads
    }
}

/// Sums over decoding steps; two of them apart give the speed in between.
package struct DecodingTotals: Sendable, Equatable {
    /// Tokens computed one by one; the first token of an answer comes from its prompt and is none of them.
    package var steps = 0
    package var seconds = 0.0
    /// Bytes of weights that the steps used, and that they would have used without sparsity.
    package var weightBytes = 0
    package var allWeightBytes = 0

    package init() {}
}
