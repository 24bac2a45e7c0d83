internal import ArgumentParser
internal import Calibration
internal import Importing
internal import Machine
internal import WeightStore

/// `chessctl arrange`: puts the channels that are wanted most first.
struct ArrangeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "arrange",
        abstract: "Lay a model out for a board with too little memory.",
        discussion: """
            Writes the model anew with the channels first that a profile keeps most often. Under a memory budget \
            those stay in memory, and what a token needs besides lies together at the end of each layer: less is \
            read. Answers are the same, and profiles of the model stay valid. A preview of the head is added: \
            profiles made with --head-candidates then compute a few thousand logits exactly and foretell the others, \
            and the head's rows need not be in memory.

              chessctl calibrate m.chess --text corpus.txt -o m.profile
              chessctl arrange m.chess --profile m.profile --text corpus.txt -o m-arranged.chess
              chessd --model m-arranged.chess --profile m.profile --memory-budget 700M

            Exit codes: 64 usage, 65 a model, profile or text that is no use, 66 no such file, 73 cannot create \
            the file, 74 cannot write it.
            """)

    @OptionGroup var options: ModelOptions

    @Option(help: "The profile, made by chessctl calibrate.", completion: .file(extensions: ["profile"]))
    var profile: String

    @Option(help: "The text, a file of UTF-8.", completion: .file())
    var text: String

    @Option(help: "Tokens of the text to use at most.")
    var tokens: Int = 4096

    @Flag(
        help:
            "Leave out the preview of the head, a ninth of its size, that --head-candidates of calibrate needs."
    )
    var noHeadPreview = false

    @Option(name: [.short, .long], help: "The file to write.", completion: .file(extensions: ["chess"]))
    var output: String

    @Flag(help: "Replace the output when it exists.")
    var force = false

    func validate() throws {
        try ModelOptions.check([("--tokens", tokens, 64...100_000_000)])
    }

    func run() async throws {
        try await runningModelTool("arrange") {
            try StoreWriter.checkTarget(output, overwrite: force)
            let start = ProcessFacts.monotonicNanoseconds
            let bar = ProgressBar()
            let (orders, preview) = try measure(bar)
            let inspection = try StoreInspection(path: options.model)
            let level = Compression(inspection.metadata.provenance.compression)?.level
            let bytes = try inspection.rewrite(
                to: output, orders: orders, additions: preview,
                fetchedRows: preview.isEmpty ? [] : ["output", "token_embd"],
                level: level ?? Compression.defaultLevel, overwrite: force,
                threads: options.threadCount
            ) { bar.update(bytesDone: $0, bytesTotal: $1) }
            bar.clear()
            let seconds = Double(ProcessFacts.monotonicNanoseconds - start) / 1e9
            try Terminal.write(
                "\(options.model) -> \(output)\n\(orders.count) tensors arranged, "
                    + (preview.isEmpty ? "" : "a preview of the head added, ")
                    + "\(Readable.megabytes(bytes)) MB in \(Readable.fixed(seconds, 1)) s\n")
        }
    }

    private func measure(
        _ bar: ProgressBar
    ) throws -> (orders: [String: RecordOrder], preview: [NewTensor]) {
        let store = try options.openStore()
        let (corpus, decoder) = try options.open(store, text: text, tokens: tokens, window: 512)
        let named = try NamedPlan(profile, decoder, store)
        let orders = ChannelActivity.orders(of: named.profile, on: corpus, decoder) { done, total in
            bar.update(step: "counting", done: done, total: total)
        }
        guard !noHeadPreview, HeadPreviewFinder.isWorthwhile(store.parameters) else { return (orders, []) }
        let preview = HeadPreviewFinder(decoder, windows: corpus.windows).tensors { done, total in
            bar.update(step: "head preview", done: done, total: total)
        }
        return (orders, preview)
    }
}
