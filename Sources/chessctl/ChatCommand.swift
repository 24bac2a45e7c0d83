internal import ArgumentParser
internal import Machine
internal import WireAPI

/// `chessctl chat`: a conversation on a terminal, or one question.
struct ChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Talks with the model.",
        discussion: """
            On a terminal without a question this is a conversation: each line is a message, Ctrl-C ends \
            an answer early, Ctrl-D leaves, /help lists the commands. With a question as arguments, or on \
            standard input, it prints one answer.

              chessctl chat
              chessctl chat "Why is the sky blue?"
              chessctl chat --system "Answer in one word." --temperature 0 < question.txt
              chessctl chat --schema person.json "Anna, 34, plays chess in Bern."
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: AnswerOptions
    @Option(help: ArgumentHelp("What the model is told before the conversation.", valueName: "text"))
    var system: String?
    @Option(
        help: ArgumentHelp(
            "Answer in JSON by the JSON schema in this file.", valueName: "file"), completion: .file())
    var schema: String?
    @Argument(help: ArgumentHelp("The question; \"-\" reads standard input.", valueName: "question"))
    var question: [String] = []

    func run() async throws {
        try await exitingOnError("chat") {
            let format = try schema.map { try AnswerSchema(path: $0).format }
            try await InterruptWatch.watching { watch in
                if question.isEmpty && Terminal.isInteractive {
                    try await converse(format, watch)
                } else {
                    try await askOnce(format, watch)
                }
            }
        }
    }

    private func askOnce(_ format: JSONValue?, _ watch: InterruptWatch) async throws {
        var text = question.joined(separator: " ")
        if question.isEmpty || question == ["-"] { text = try await Terminal.readAll(limit: 1 << 20) }
        guard text.contains(where: { !$0.isWhitespace }) else { throw ClientError.noQuestion }
        var conversation = ChatHistory(system: system)
        conversation.ask(text)
        let answer = try await printer.answer(ChatHistory.target, request(conversation, format), watch: watch)
        if answer.wasInterrupted { throw ExitCode(ExitCode.interrupted) }
    }

    private func converse(_ format: JSONValue?, _ watch: InterruptWatch) async throws {
        var conversation = ChatHistory(system: system)
        Terminal.note("/help lists the commands, Ctrl-D leaves")
        while true {
            try Terminal.write("> ")
            let line = try await watch.during({ try? Terminal.write("\n> ") }) {
                try await Terminal.readLine()
            }
            guard let line else { return try Terminal.write("\n") }
            switch ChatHistory.Input(line) {
            case .nothing: continue
            case .exit: return
            case .help: Terminal.note(ChatHistory.help)
            case .reset: conversation.reset()
            case .system(let text): conversation = ChatHistory(system: text)
            case .unknown(let word): Terminal.note("\(word): no such command; /help lists them")
            case .message(let text): try await answer(text, in: &conversation, format, watch)
            }
        }
    }

    /// One turn. An error is told and the message forgotten, so that it can be sent again.
    private func answer(
        _ text: String, in conversation: inout ChatHistory, _ format: JSONValue?, _ watch: InterruptWatch
    ) async throws {
        var longer = conversation
        longer.ask(text)
        do {
            let answer = try await printer.answer(ChatHistory.target, request(longer, format), watch: watch)
            longer.hear(answer.text)
            conversation = longer
        } catch let error as ClientError {
            Terminal.note("\(error)")
        }
    }

    private var printer: AnswerPrinter {
        AnswerPrinter(client: connection.client, printsJSON: connection.json, printsTimings: options.timings)
    }

    private func request(_ conversation: ChatHistory, _ format: JSONValue?) -> JSONObject {
        var request: JSONObject = ["messages": .array(conversation.messages)]
        if let format { request["response_format"] = format }
        options.apply(to: &request)
        return request
    }
}

/// The schema that `--schema` names; the daemon says what it makes of it.
private struct AnswerSchema {
    let format: JSONValue

    private static let greatestBytes = 1 << 20

    init(path: String) throws(ClientError) {
        let file: MappedFile
        do { file = try MappedFile(path: path) } catch { throw .unreadable("\(error)") }
        guard file.byteCount <= Self.greatestBytes else {
            throw .schema(
                path: path, reason: "\(file.byteCount) bytes, at most \(Self.greatestBytes) are read")
        }
        do {
            let schema = try JSONValue(parsing: file.bytes(0..<file.byteCount))
            format = ["type": "json_schema", "json_schema": ["name": "answer", "schema": schema]]
        } catch {
            throw .schema(path: path, reason: "not JSON, \(error)")
        }
    }
}
