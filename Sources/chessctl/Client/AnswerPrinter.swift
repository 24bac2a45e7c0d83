internal import Synchronization
internal import WireAPI

/// Asks for one answer and prints it as it comes.
struct AnswerPrinter: Sendable {
    let client: SocketClient
    /// Prints the daemon's JSON instead of the text.
    let printsJSON: Bool
    let printsTimings: Bool

    struct Answer: Sendable, Equatable {
        var text = ""
        var timings: JSONValue?
        /// What the model thinks was shown last.
        var isThinking = false
        /// Ctrl-C ended it early.
        var wasInterrupted = false
    }

    /// Sends the request and prints the answer. After Ctrl-C the result is what had come until then.
    ///
    /// - Throws: `ClientError.stopped` behind what was printed when the daemon ended the answer.
    func answer(_ target: String, _ request: JSONObject, watch: InterruptWatch) async throws -> Answer {
        let gathered = GatheredAnswer()
        do {
            try await watch.cancelling {
                if request["stream"] == true {
                    try await client.stream(target, body: .object(request)) { try show($0, gathered) }
                } else {
                    try show(try await client.post(target, body: .object(request)), gathered)
                }
            }
        } catch is CancellationError {
            gathered.update { $0.wasInterrupted = true }
        }
        let answer = gathered.answer
        if !printsJSON, answer.wasInterrupted || !answer.text.hasSuffix("\n") { try Terminal.write("\n") }
        if printsTimings, let timings = answer.timings { Terminal.note(Self.describe(timings)) }
        if !answer.wasInterrupted, answer.timings?["cancelled"] == true {
            throw ClientError.stopped(path: client.path)
        }
        return answer
    }

    /// Prints one chunk or one whole answer and keeps its text.
    private func show(_ value: JSONValue, _ gathered: GatheredAnswer) throws {
        let choice = value["choices"]?[0]
        let content = choice?["delta"]?["content"] ?? choice?["message"]?["content"] ?? choice?["text"]
        let text = content?.stringValue ?? ""
        let thought = (choice?["delta"] ?? choice?["message"])?["reasoning_content"]?.stringValue ?? ""
        gathered.update {
            $0.text += text
            $0.timings = value["timings"] ?? $0.timings
        }
        if printsJSON {
            try Terminal.write(value.text + "\n")
        } else {
            // Shown to who waits for the answer, and no part of it.
            if !thought.isEmpty, Terminal.outputIsTerminal {
                try Terminal.write(Terminal.faint(thought))
                gathered.update { $0.isThinking = true }
            }
            if !text.isEmpty, gathered.answer.isThinking {
                try Terminal.write("\n\n")
                gathered.update { $0.isThinking = false }
            }
            try Terminal.write(text)
        }
    }

    /// `prompt 32 tokens in 0.10 s (320.0 tokens/s), answer 12 tokens in 0.40 s (27.5 tokens/s)`.
    static func describe(_ timings: JSONValue) -> String {
        func part(_ name: String, _ key: String) -> String {
            let seconds = (timings["\(key)_ms"]?.doubleValue ?? 0) / 1000
            let rate = timings["\(key)_per_second"]?.doubleValue ?? 0
            let count = timings["\(key)_n"]?.intValue ?? 0
            return "\(name) \(count) tokens in \(fixed(seconds, 2)) s (\(fixed(rate, 1)) tokens/s)"
        }
        return "\(part("prompt", "prompt")), \(part("answer", "predicted"))"
    }

    /// A number with so many decimals, rounded half away from zero.
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        let scale = (0..<decimals).reduce(1.0) { scale, _ in scale * 10 }
        guard value.isFinite, abs(value) * scale < 1e15 else { return "\(value)" }
        let digits = String(Int((abs(value) * scale).rounded()))
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        let sign = value < 0 ? "-" : ""
        return decimals == 0
            ? sign + padded : "\(sign)\(padded.dropLast(decimals)).\(padded.suffix(decimals))"
    }
}

/// What has come of an answer; kept apart from the task that gathers it so that it outlives its cancellation.
private final class GatheredAnswer: Sendable {
    private let state = Mutex(AnswerPrinter.Answer())

    var answer: AnswerPrinter.Answer { state.withLock { $0 } }

    func update(_ body: (inout AnswerPrinter.Answer) -> Void) { state.withLock { body(&$0) } }
}
