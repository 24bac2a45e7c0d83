internal import Generation
internal import Logging
internal import Synchronization
internal import WireAPI

/// What the log says of one request: numbers only, unless the settings ask for texts. Prompts and answers are
/// nobody's business but the client's.
final class RequestRecord: Sendable {
    private let path: String
    private let model: String
    private let peer: Peer?
    private let logsTexts: Bool
    private let logger: Logger
    private let began = ContinuousClock.now
    private let progress = Mutex(Progress())

    private struct Progress {
        var id: String?
        var started: ContinuousClock.Instant?
        var prompt = ""
        var answer = ""
        var isAnswered = false
    }

    init(path: String, model: String, peer: Peer?, logsTexts: Bool, logger: Logger) {
        self.path = path
        self.model = model
        self.peer = peer
        self.logsTexts = logsTexts
        self.logger = logger
    }

    /// A generation is queued; clients know it by `id`.
    func queued(_ id: String, prompt: @autoclosure () -> String) {
        let prompt = logsTexts ? prompt() : ""
        progress.withLock { ($0.id, $0.prompt) = (id, prompt) }
    }

    /// The engine has taken it up.
    func started() {
        progress.withLock { $0.started = $0.started ?? .now }
    }

    func add(_ text: String) {
        if logsTexts { progress.withLock { $0.answer += text } }
    }

    func answered(_ summary: GenerationSummary, reason: FinishReason) {
        var facts = common
        let rate = summary.timings.completionTokensPerSecond
        facts.merge(
            [
                "reason": "\(reason.rawValue)", "prompt_tokens": "\(summary.promptTokens)",
                "cached_tokens": "\(summary.cachedTokens)",
                "completion_tokens": "\(summary.completionTokens)",
                "prefill_usec": "\(Self.microseconds(summary.prefillSeconds))",
                "decode_usec": "\(Self.microseconds(summary.decodeSeconds))",
                "tokens_per_second": "\((rate * 1000).rounded() / 1000)",
            ], uniquingKeysWith: { $1 })
        let (prompt, answer) = progress.withLock { progress in
            progress.isAnswered = true
            return (progress.prompt, progress.answer)
        }
        if logsTexts {
            facts.merge(["prompt": "\(prompt)", "answer": "\(answer)"], uniquingKeysWith: { $1 })
        }
        logger.log(.answered, .info, "answered", facts)
    }

    /// A plain answer, to a request that computes nothing.
    func replied(status: Int) {
        logger.debug("answered", metadata: common.merging(["status": "\(status)"], uniquingKeysWith: { $1 }))
    }

    /// The client closed its connection. Some do as soon as they have read the last event of a stream, before its end is
    /// sent: they have their answer.
    func clientLeft() {
        guard !progress.withLock({ $0.isAnswered }) else { return }
        var facts = common
        facts["error"] = "client_gone"
        logger.log(.clientLeft, .info, "client left", facts)
    }

    /// The request got an error for an answer. Its message may quote the client and stays out of the log.
    ///
    /// - Parameter cause: what happened, where it was the daemon's own fault.
    func refused(_ answer: APIError, cause: any Error) {
        var facts = common
        facts["error"] = "\(answer.code.rawValue)"
        facts["status"] = "\(answer.status)"
        guard answer.status == 500 else {
            // A full queue is the operator's to know of; a wrong field is the client's.
            return logger.log(.refused, answer.status == 503 ? .warning : .info, "refused", facts)
        }
        facts["cause"] = "\(cause)"
        logger.log(.failed, .error, "failed", facts)
    }

    private var common: Logger.Metadata {
        let (id, started) = progress.withLock { ($0.id, $0.started) }
        let now = ContinuousClock.now
        var facts: Logger.Metadata = [
            "path": "\(path)", "model": "\(model)", "duration_usec": "\((now - began).microseconds)",
        ]
        if let id {
            facts["request_id"] = "\(id)"
            facts["queue_usec"] = "\(((started ?? now) - began).microseconds)"
        }
        if let peer {
            facts["peer_uid"] = "\(peer.uid)"
            facts["peer_pid"] = "\(peer.pid)"
        }
        return facts
    }

    private static func microseconds(_ seconds: Double) -> Int { Int((seconds * 1e6).rounded()) }
}
