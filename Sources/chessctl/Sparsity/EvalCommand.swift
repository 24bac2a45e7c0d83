internal import ArgumentParser
internal import Calibration
internal import Decoder
internal import WeightStore

/// `chessctl eval`: what leaving channels out costs.
struct EvalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Measure how good a model is with sparsity profiles, beside the dense model.",
        discussion: """
            Runs the model over a text it was not calibrated on, once dense and once with each profile applied \
            to every token. KL is the divergence of the sparse model's next token from the dense model's, in \
            nats; agreement is how often both think the same token likeliest.

              chessctl eval m.chess --text other.txt
              chessctl eval m.chess --text other.txt --profile a.profile --profile b.profile
              chessctl eval m.chess --text other.txt --profile a.profile --json | jq '.profiles[0].kl'

            Activations have 16 bits here, so that what is measured is sparsity and not rounding; decoding \
            computes with 8, and --activations int8 shows what it does.

            Exit codes: 64 usage, 65 a model, profile or text that is no use, 66 no such file.
            """)

    @OptionGroup var options: ModelOptions

    @Option(help: "The text, a file of UTF-8.", completion: .file())
    var text: String

    @Option(
        name: [.customShort("p"), .customLong("profile")],
        help: "A profile made by chessctl calibrate; may be given several times.",
        completion: .file(extensions: ["profile"]))
    var profiles: [String] = []

    @Option(help: "Tokens that see each other.")
    var context: Int = 512

    @Option(help: "Tokens of the text to use at most.")
    var tokens: Int = 4096

    @Option(help: "Bits of activations: int16 or int8.")
    var activations: ActivationPrecision = .int16

    @Flag(help: "Show the measured sparsity of each layer too.")
    var layers = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        try ModelOptions.check([
            ("--tokens", tokens, 64...100_000_000), ("--context", context, 16...100_000_000),
        ])
    }

    func run() async throws {
        try await runningModelTool("eval") {
            let store = try options.openStore()
            let (corpus, decoder) = try options.open(store, text: text, tokens: tokens, window: context)
            let plans = try profiles.map { try NamedPlan($0, decoder, store) }
            let bar = ProgressBar()
            let scores = Evaluator(decoder, corpus, precision: activations).scores(plans.map(\.plan)) {
                bar.update(step: "evaluating", done: $0, total: $1)
            }
            bar.clear()
            let report = EvaluationReport(
                model: store.parameters.name, corpus: corpus, layers: store.parameters.layers,
                precision: activations, dense: scores.dense, plans: Array(zip(plans, scores.sparse)))
            try Terminal.write(json ? JSONText.encode(report) : report.table(layers: layers))
        }
    }
}

extension ActivationPrecision: ExpressibleByArgument {}

/// What an evaluation tells.
private struct EvaluationReport: Encodable {
    struct Profile: Encodable {
        var name: String
        var method: String
        var target: Double
        var perplexity: Double
        var kl: Double
        var klP99: Double
        var agreement: Double
        var bytesPerToken: Double
        var sites: [Site]
    }

    struct Site: Encodable {
        var site: String
        /// The mean over layers, and each.
        var sparsity: Double
        var layers: [Double]
    }

    var model: String
    var text: String
    var textSha256: String
    var tokens: Int
    var context: Int
    var activations: String
    var densePerplexity: Double
    var denseBytesPerToken: Double
    var profiles: [Profile]

    init(
        model: String, corpus: Corpus, layers: Int, precision: ActivationPrecision, dense: DenseScore,
        plans: [(NamedPlan, SparseScore)]
    ) {
        self.model = model
        text = corpus.path
        textSha256 = corpus.sha256
        tokens = corpus.tokenCount
        context = corpus.windows[0].count
        activations = precision.rawValue
        densePerplexity = dense.perplexity
        denseBytesPerToken = dense.bytesPerToken
        profiles = plans.map { named, score in
            Profile(
                name: named.name, method: named.profile.method, target: named.profile.sparsity,
                perplexity: score.perplexity, kl: score.meanDivergence, klP99: score.highDivergence,
                agreement: score.agreement, bytesPerToken: score.bytesPerToken,
                sites: SparsitySite.allCases.filter { named.profile.sites[$0] != nil }.map { site in
                    Site(
                        site: site.rawValue, sparsity: score.counts.sparsity(site),
                        layers: (0..<layers).map { score.counts.sparsity(site, $0) })
                })
        }
    }

    func table(layers showsLayers: Bool) -> String {
        var table = TextTable(
            ["profile", "method", "perplexity", "KL", "KL p99", "agreement", "MB/token", "share"],
            rightAligned: [2, 3, 4, 5, 6, 7])
        table.append([
            "dense", "", Readable.fixed(densePerplexity, 4), "", "", "",
            Readable.fixed(denseBytesPerToken / 1e6, 1), Readable.fixed(1, 3),
        ])
        for profile in profiles {
            table.append([
                profile.name, "\(profile.method) \(profile.target)", Readable.fixed(profile.perplexity, 4),
                Readable.fixed(profile.kl, 4), Readable.fixed(profile.klP99, 3),
                Readable.fixed(profile.agreement, 4), Readable.fixed(profile.bytesPerToken / 1e6, 1),
                Readable.fixed(profile.bytesPerToken / denseBytesPerToken, 3),
            ])
        }
        var text = table.text
        for profile in profiles where !profile.sites.isEmpty {
            text += "\n\(profile.name) leaves out\n"
            for site in profile.sites {
                text += "  \(site.site): \(Readable.fixed(site.sparsity, 3))"
                if showsLayers {
                    text += " (" + site.layers.map { Readable.fixed($0, 2) }.joined(separator: " ") + ")"
                }
                text += "\n"
            }
        }
        return text
            + "\n\(tokens) tokens of \(self.text) in windows of \(context), activations \(activations)\n"
    }
}
