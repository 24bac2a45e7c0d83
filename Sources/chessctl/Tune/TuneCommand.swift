internal import ArgumentParser
internal import Calibration
internal import Decoder
internal import Machine
internal import WeightStore

/// `chessctl tune`: the fastest profile for this board that is good enough.
struct TuneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Find the fastest sparsity profile for this board within a bound of quality.",
        discussion: """
            Calibrates on the front of a text, holds its end out, and tries sparsities: how good each is on the \
            held-out text, and how fast those within the bound decode on this machine, in turn and more than \
            once. The fastest is written.

              chessctl tune m.chess --text corpus.txt -o m.profile
              chessctl tune m.chess --text corpus.txt --max-perplexity +5% -o m.profile --report m.html
              chessctl tune m.chess --text corpus.txt --memory 700M --max-kl 0.3 -o m.profile
              chessd --model m.chess --profile m.profile --memory-budget 700M

            Within --memory, weights that do not fit are read while decoding, and profiles are also tried with \
            factors: a hidden channel that is not in memory must reach that many times its limit. What a factor \
            costs is measured token by token within the budget. The budget binds the decoding that is timed; \
            measuring quality reads the whole model, through the page cache where it does not fit.

            What is found is kept in PROFILE.partial until the end: the same command goes on where it was \
            interrupted. Let nothing else run on the board meanwhile.

            Where the model has a preview of its head, all profiles make use of it.

            Exit codes: 64 usage, 65 a model or text that is no use, or no profile within the bound, 66 no such \
            file, 73 cannot create a file, 74 cannot write it.
            """)

    @OptionGroup var options: ModelOptions

    @Option(help: "The text, a file of UTF-8.", completion: .file())
    var text: String

    @Option(
        help: ArgumentHelp("Memory that decoding may take, such as 700M, or auto.", valueName: "bytes"))
    var memory: MemoryBudget?

    @Option(
        help: ArgumentHelp(
            "Storage of the board that is tuned for, in bytes per second, such as 90M; auto takes what this machine's storage does.",
            valueName: "rate"))
    var storageReadRate = StorageRate.auto

    @Option(
        help: ArgumentHelp(
            "Greatest mean KL from the dense model, in nats. Default: 0.2 when no other bound is given.",
            valueName: "nats"))
    var maxKL: Double?

    @Option(
        help: ArgumentHelp(
            "Greatest perplexity: +5% over the dense model's, or a number.", valueName: "bound"))
    var maxPerplexity: PerplexityBound?

    @Option(
        help: ArgumentHelp(
            "Methods to try, with commas between; tuned takes minutes for each sparsity.", valueName: "list"))
    var methods = MethodList(methods: [.chess])

    @Option(help: ArgumentHelp("Sparsities to try, with commas between.", valueName: "list"))
    var sparsities = SparsityList(values: [0.3, 0.4, 0.5, 0.6, 0.7, 0.8])

    @Option(
        help: ArgumentHelp(
            """
            Logits to compute exactly where the model has a preview of its head (see arrange), the others foretold; 0 \
            computes all. Default: a 32nd of the vocabulary.
            """, valueName: "count"))
    var headCandidates: Int?

    @Option(help: "Tokens of the text to calibrate with at most.")
    var tokens: Int = 2048

    @Option(help: "Tokens behind them to measure quality on.")
    var heldOut: Int = 1024

    @Option(help: "Tokens that see each other.")
    var context: Int = 512

    @Option(help: "How often speed is measured. Default: 5, within a budget 3.")
    var rounds: Int?

    @Option(name: [.short, .long], help: "The file to write.", completion: .file(extensions: ["profile"]))
    var output: String

    @Option(
        help: "A page of HTML with what was found, to write too.", completion: .file(extensions: ["html"]))
    var report: String?

    @Flag(help: "Replace the output and the report when they exist.")
    var force = false

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    func validate() throws {
        try ModelOptions.check([
            ("--tokens", tokens, 64...1_000_000), ("--held-out", heldOut, 64...1_000_000),
            ("--context", context, 64...100_000), ("--rounds", rounds ?? 1, 1...1000),
            ("--head-candidates", headCandidates ?? 0, SparsityProfile.headCandidateCounts),
        ])
        if let maxKL, !(maxKL > 0 && maxKL.isFinite) {
            throw ValidationError("--max-kl is \(maxKL), it must be more than 0")
        }
        let files = [options.model, text, output, report].compactMap(\.self)
        if let twice = files.enumerated().first(where: { files[..<$0].contains($1) })?.element {
            throw ValidationError(
                "\(twice) is named twice; the model, the text and what is written are files of their own")
        }
    }

    var bounds: QualityBounds {
        QualityBounds(
            divergence: maxKL ?? (maxPerplexity == nil ? 0.2 : nil), perplexity: maxPerplexity)
    }

    func run() async throws {
        try await runningModelTool("tune") {
            try SparsityProfile.checkTarget(output, overwrite: force)
            if let report { try SparsityProfile.checkTarget(report, overwrite: force) }
            let (profile, found) = try Tuning(self).run()
            try profile.write(to: output, overwrite: force)
            if let report {
                var file = try AtomicFile(path: report)
                try file.append(Array(TunePage(report: found).html.markup.utf8))
                try file.commit()
            }
            TuneState.remove(output + ".partial")
            try Terminal.write(json ? JSONText.encode(found) : found.table)
        }
    }
}

/// Methods with commas between them, each once.
struct MethodList: ExpressibleByArgument, Equatable {
    var methods: [CalibrationMethod]

    init(methods: [CalibrationMethod]) { self.methods = methods }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        methods = parts.compactMap { CalibrationMethod(rawValue: String($0)) }
        guard methods.count == parts.count, Set(methods).count == parts.count, !methods.contains(.none) else {
            return nil
        }
    }

    var defaultValueDescription: String { methods.map(\.rawValue).joined(separator: ",") }
}

/// Sparsities with commas between them, ascending.
struct SparsityList: ExpressibleByArgument, Equatable {
    var values: [Double]

    init(values: [Double]) { self.values = values }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        values = Set(parts.compactMap { Double($0) }).sorted()
        guard values.count == parts.count, values.allSatisfy({ $0 > 0 && $0 <= 0.99 }) else { return nil }
    }

    var defaultValueDescription: String { values.map { "\($0)" }.joined(separator: ",") }
}
