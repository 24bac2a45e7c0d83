internal import ArgumentParser
internal import FoundationEssentials
internal import Machine
internal import WireAPI

/// `chessctl top`: what the daemon is doing, again and again.
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watches the daemon: speed, active weights, memory, storage, heat.",
        discussion: """
            On a terminal the view stays in place until Ctrl-C; elsewhere it is one line per interval. Rates are \
            those of the interval before, and a dash stands where nothing was decoded in it. Temperature, clock \
            and throttling are this machine's, where its kernel tells them.

              chessctl top
              chessctl top --interval 5 >> top.log
              chessctl top --once --json
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(help: ArgumentHelp("Time between two reports.", valueName: "seconds"))
    var interval = 1.0
    @Flag(help: "Print one report, after one interval, and end.")
    var once = false

    func validate() throws {
        guard (0.1...3600).contains(interval) else {
            throw ValidationError("--interval \(interval): from 0.1 to 3600 seconds make sense.")
        }
    }

    func run() async throws {
        try await exitingOnError("top") {
            try await InterruptWatch.watching { watch in
                do {
                    try await watch.cancelling { try await show() }
                } catch is CancellationError {
                    // Ctrl-C is how a view ends: no failure.
                    if redraws { try Terminal.write(Redraw.end) }
                }
            }
        }
    }

    private var redraws: Bool {
        !once && !connection.json && Terminal.outputIsTerminal
            && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    private func show() async throws {
        var redraw = Redraw()
        var previous: JSONValue?
        while true {
            let health = try await health()
            let report = TopReport(health, after: previous, board: BoardFacts())
            if redraws {
                let size = TerminalSize(ofDescriptor: 1) ?? TerminalSize(columns: 80, rows: 24)
                try Terminal.write(redraw.text(TopText(report: report).screen, in: size))
            } else if previous != nil {
                try Terminal.write(plain(report))
                if once { return }
            }
            previous = health
            try await Task.sleep(for: .seconds(interval))
        }
    }

    private func plain(_ report: TopReport) -> String {
        if connection.json { return report.json.text + "\n" }
        let text = TopText(report: report)
        let lines = once ? text.screen : [text.line]
        return lines.map { Redraw.printable($0) + "\n" }.joined()
    }

    private func health() async throws -> JSONValue {
        let client = connection.client
        do {
            let health = try await client.get("/health", timeout: .seconds(10))
            guard health["activity"]?.stringValue != nil else {
                throw ClientError.notUnderstood(path: client.path, reason: "it names no activity")
            }
            return health
        } catch {
            // An exchange that is cut by Ctrl-C ends in one of several ways.
            try Task.checkCancellation()
            throw error
        }
    }
}
