internal import ArgumentParser
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
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: AnswerOptions
    @Option(help: ArgumentHelp("What the model is told before the conversation.", valueName: "text"))
    var system: String?
    @Argument(help: ArgumentHelp("The question; \"-\" reads standard input.", valueName: "question"))
    var question: [String] = []

    func run() async throws {
        try await exitingOnError("chat") {
            try await InterruptWatch.watching { watch in
                if question.isEmpty && Terminal.isInteractive {
                    try await converse(watch)
                } else {
                    try await askOnce(watch)
                }
            }
        }
    }

    private func askOnce(_ watch: InterruptWatch) async throws {
        var text = question.joined(separator: " ")
        if question.isEmpty || question == ["-"] { text = try await Terminal.readAll(limit: 1 << 20) }
        guard text.contains(where: { !$0.isWhitespace }) else { throw ClientError.noQuestion }
        var conversation = ChatHistory(system: system)
        conversation.ask(text)
        let answer = try await printer.answer(ChatHistory.target, request(conversation), watch: watch)
        if answer.wasInterrupted { throw ExitCode(ExitCode.interrupted) }
    }

    private func converse(_ watch: InterruptWatch) async throws {
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
            case .message(let text): try await answer(text, in: &conversation, watch)
            }
        }
    }

    /// One turn. An error is told and the message forgotten, so that it can be sent again.
    private func answer(_ text: String, in conversation: inout ChatHistory, _ watch: InterruptWatch)
        async throws
    {
        var longer = conversation
        longer.ask(text)
        do {
            let answer = try await printer.answer(ChatHistory.target, request(longer), watch: watch)
            longer.hear(answer.text)
            conversation = longer
        } catch let error as ClientError {
            Terminal.note("\(error)")
        }
    }

    private var printer: AnswerPrinter {
        AnswerPrinter(client: connection.client, printsJSON: connection.json, printsTimings: options.timings)
    }

    private func request(_ conversation: ChatHistory) -> JSONObject {
        var request: JSONObject = ["messages": .array(conversation.messages)]
        options.apply(to: &request)
        return request
    }
}
