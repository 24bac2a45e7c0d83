internal import ArgumentParser
internal import WireAPI

/// The command-line client of chessd, and the tools for its models.
struct Chessctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chessctl",
        abstract: "Talk to chessd, and prepare models for it.",
        discussion: """
            A first session:
              chessctl import model.gguf -o models/model.chess
              chessd --model models/model.chess --socket /tmp/chessd.sock &
              chessctl chat --socket /tmp/chessd.sock "Why is the sky blue?"
            """,
        version: "chessctl \(Version.current)",
        groupedSubcommands: [
            CommandGroup(
                name: "Client",
                subcommands: [ChatCommand.self, CompleteCommand.self, StatusCommand.self, TopCommand.self]),
            CommandGroup(
                name: "Models",
                subcommands: [
                    ModelsCommand.self, ImportCommand.self, InspectCommand.self, VerifyCommand.self,
                    ArrangeCommand.self,
                    TokenizeCommand.self,
                    TemplateCommand.self, BenchCommand.self,
                ]),
            CommandGroup(
                name: "Sparsity",
                subcommands: [
                    CalibrateCommand.self, EvalCommand.self, TuneCommand.self, PlotCommand.self,
                ]),
        ])
}
