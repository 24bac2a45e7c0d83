internal import ArgumentParser
internal import WireAPI

/// `chessctl complete`: goes on with a text, without a chat template.
struct CompleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "complete",
        abstract: "Lets the model go on with a text.",
        discussion: """
              chessctl complete "Once upon a time"
              chessctl complete --max-tokens 100 --stop "END" - < beginning.txt
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var options: AnswerOptions
    @Argument(help: ArgumentHelp("The text; \"-\" reads standard input.", valueName: "text"))
    var text: [String] = []

    func run() async throws {
        try await exitingOnError("complete") {
            try await InterruptWatch.watching { watch in
                let answer = try await printer.answer("/v1/completions", try await request(), watch: watch)
                if answer.wasInterrupted { throw ExitCode(ExitCode.interrupted) }
            }
        }
    }

    private func request() async throws -> JSONObject {
        var prompt = text.joined(separator: " ")
        if text == ["-"] || (text.isEmpty && !Terminal.inputIsTerminal) {
            prompt = try await Terminal.readAll(limit: 1 << 20)
        }
        guard !prompt.isEmpty else { throw ClientError.noQuestion }
        var request: JSONObject = ["prompt": .string(prompt), "max_tokens": 256]
        options.apply(to: &request)
        return request
    }

    private var printer: AnswerPrinter {
        AnswerPrinter(client: connection.client, printsJSON: connection.json, printsTimings: options.timings)
    }
}
