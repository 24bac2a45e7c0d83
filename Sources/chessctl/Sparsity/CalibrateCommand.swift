internal import ArgumentParser
internal import Calibration
internal import Decoder
internal import Machine
internal import WeightStore
internal import WireAPI

/// `chessctl calibrate`: finds which channels a model can do without.
struct CalibrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Find which channels a model can leave out, and write a sparsity profile.",
        discussion: """
            Runs the model over a text and watches its activations. Give a text like those the model will be \
            used on: a few thousand words are enough, more make the thresholds steadier.

              chessctl calibrate m.chess --text corpus.txt -o m.profile
              chessctl calibrate m.chess --text corpus.txt --method chess --sparsity 0.7 -o m-70.profile
              chessctl eval m.chess --profile m.profile --text other.txt     how good it is
              chessctl bench m.chess --profile m.profile                     how fast it is

            Methods: tuned (default) spreads the bytes that chess would read over more sites and all layers by \
            what they cost, and takes minutes; chess is the paper's (arXiv 2409.01366), chess-ffn without \
            attention, chess-l1 its later variant; cats and teal are its published rivals; none leaves \
            everything as it is.

            Exit codes: 64 usage, 65 a model or text that is no use, 66 no such file, 73 cannot create the \
            profile, 74 cannot write it.
            """)

    @OptionGroup var options: ModelOptions

    @Option(help: "The text, a file of UTF-8.", completion: .file())
    var text: String

    @Option(
        help: ArgumentHelp(
            "One of \(CalibrationMethod.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "method"))
    var method: CalibrationMethod = .tuned

    @Option(
        help: "Share of channels to leave out, 0 to 0.99; tuned reads no more bytes than chess at this share."
    )
    var sparsity: Double = 0.5

    @Option(help: "Tokens of the text to use at most.")
    var tokens: Int = 16384

    @Option(help: "Tokens that see each other.")
    var context: Int = 512

    @Option(help: "Tokens on which tuned compares candidates.")
    var searchTokens: Int = 1024

    @Option(
        help: ArgumentHelp(
            """
            Logits to compute exactly once the model has a preview of its head (see arrange), the others foretold; 0 \
            computes all. Default: for tuned a 32nd of the vocabulary where bundles have 1 KiB or more, else 0.
            """, valueName: "count"))
    var headCandidates: Int?

    @Option(name: [.short, .long], help: "The file to write.", completion: .file(extensions: ["profile"]))
    var output: String

    @Flag(help: "Replace the output when it exists.")
    var force = false

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    func validate() throws {
        guard sparsity >= 0, sparsity <= 0.99 else {
            throw ValidationError("--sparsity is \(sparsity), it must be from 0 to 0.99")
        }
        try ModelOptions.check([
            ("--tokens", tokens, 64...100_000_000), ("--context", context, 16...100_000_000),
            ("--search-tokens", searchTokens, 64...100_000_000),
            ("--head-candidates", headCandidates ?? 0, SparsityProfile.headCandidateCounts),
        ])
    }

    func run() async throws {
        try await runningModelTool("calibrate") {
            try SparsityProfile.checkTarget(output, overwrite: force)
            let store = try options.openStore()
            let (corpus, decoder) = try options.open(store, text: text, tokens: tokens, window: context)
            let bar = ProgressBar()
            let start = ProcessFacts.monotonicNanoseconds
            let calibrator = Calibrator(decoder, corpus) { progress in
                bar.update(step: progress.phase.rawValue, done: progress.done, total: progress.total)
            }
            // Beside short channels candidates save bytes but no time. A model without a preview may get one by `arrange`.
            let usual =
                method == .tuned && decoder.weights.channelBytes(.channels, 0) >= 1024
                ? SparsityProfile.usualHeadCandidates(vocabulary: store.parameters.vocabulary) : 0
            let profile = try calibrator.profile(
                CalibrationRequest(
                    method: method, sparsity: sparsity, searchTokens: searchTokens,
                    headCandidates: headCandidates ?? usual),
                model: ProfiledModel(store), program: "chessctl \(Version.current)")
            bar.clear()
            try profile.write(to: output, overwrite: force)
            let seconds = Double(ProcessFacts.monotonicNanoseconds - start) / 1e9
            let report = CalibrationReport(profile, path: output, seconds: seconds)
            try Terminal.write(json ? JSONText.encode(report) : report.table)
        }
    }
}

extension CalibrationMethod: ExpressibleByArgument {}

/// What a calibration tells.
private struct CalibrationReport: Encodable {
    struct Site: Encodable {
        var site: String
        /// Means over layers.
        var target: Double
        var measured: Double
        var measuredByLayer: [Double]
    }

    var path: String
    var model: String
    var method: String
    var sparsity: Double
    var corpus: String
    var corpusSha256: String
    var tokens: Int
    var seconds: Double
    var sites: [Site]

    init(_ profile: SparsityProfile, path: String, seconds: Double) {
        self.path = path
        model = profile.model.name
        method = profile.method
        sparsity = profile.sparsity
        corpus = profile.corpus.name
        corpusSha256 = profile.corpus.sha256
        tokens = profile.corpus.tokens
        self.seconds = seconds
        sites = SparsitySite.allCases.compactMap { site in
            guard let rules = profile.sites[site] else { return nil }
            let layers = Double(rules.count)
            return Site(
                site: site.rawValue, target: rules.reduce(0) { $0 + $1.target } / layers,
                measured: rules.reduce(0) { $0 + $1.measured } / layers,
                measuredByLayer: rules.map(\.measured))
        }
    }

    var table: String {
        var table = TextTable(
            ["site", "target", "measured", "layers from", "to"], rightAligned: [1, 2, 3, 4])
        for site in sites {
            table.append([
                site.site, Readable.fixed(site.target, 3), Readable.fixed(site.measured, 3),
                Readable.fixed(site.measuredByLayer.min() ?? 0, 3),
                Readable.fixed(site.measuredByLayer.max() ?? 0, 3),
            ])
        }
        return "\(model), \(method) at \(sparsity) -> \(path)\n\n" + (sites.isEmpty ? "" : table.text + "\n")
            + "\(tokens) tokens of \(corpus) in \(Readable.fixed(seconds, 1)) s\n"
    }
}
