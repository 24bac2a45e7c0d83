internal import ArgumentParser
internal import Importing
internal import Tokenizer
internal import WeightStore

/// `chessctl inspect`: what a store says about itself.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what a .chess file holds.",
        discussion: """
            Hyperparameters, tokenizer, tensors, compression, and where the model came from. Reads no weights.

              chessctl inspect models/NAME.chess
              chessctl inspect models/NAME.chess --tensors         every tensor, not groups
              chessctl inspect models/NAME.chess --json | jq -r .provenance.source_sha256
            """)

    @Argument(help: "The model, a .chess file.", completion: .file(extensions: ["chess"]))
    var file: String

    @Flag(help: "List every tensor.")
    var tensors = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await runningModelTool("inspect") {
            let store = try StoreInspection(path: file)
            let report = try InspectionReport(store, path: file)
            try Terminal.write(
                json ? JSONText.encode(report) : Self.text(store, report, everyTensor: tensors))
        }
    }

    private static func figure(_ number: Float) -> String { Figure.significant(Double(number)) }

    private static func words(_ scaling: RotaryParameters.Scaling) -> String {
        switch scaling {
        case .none: "no scaling"
        case .linear(let factor): "scaled linearly by \(figure(factor))"
        case .yarn(let factor, let context, _, let attention, _, _):
            "YaRN: by \(figure(factor)) from \(context) tokens"
                + (attention == 1 ? "" : ", attention by \(figure(attention))")
        }
    }

    private static func text(_ store: StoreInspection, _ report: InspectionReport, everyTensor: Bool)
        -> String
    {
        let (model, provenance, tokenizer) = (report.model, report.provenance, report.tokenizer)
        let facts: [(String, String)] = [
            ("model", "\(model.name) (\(model.architecture))"),
            ("layers", "\(model.layers), embedding \(model.embedding), feed-forward \(model.feedForward)"),
            (
                "heads",
                "\(model.heads) of \(model.headDimension), \(model.keyValueHeads) for keys and values"
            ),
            ("context", "\(model.contextLength) tokens"),
            (
                "rotary",
                "base \(figure(model.rope.base)), \(model.rope.style.rawValue), \(words(model.rope.scaling))"
            ),
            (
                "tokenizer",
                "\(tokenizer.model), rule \"\(tokenizer.preTokenizer)\", \(tokenizer.tokens) tokens, "
                    + "\(tokenizer.merges) merges"
            ),
            ("template", report.chatTemplate.map { "\($0.utf8.count) bytes" } ?? "none"),
            (
                "file",
                "\(Readable.megabytes(report.fileBytes)) MB, format \(report.formatVersion), "
                    + "identity \(report.identity.prefix(16))"
            ),
            ("source", "\(provenance.sourceName), \(provenance.sourceBytes) bytes"),
            ("sha256", provenance.sourceSHA256),
            (
                "imported",
                "\(provenance.importedAt) by \(provenance.importer), compression \(provenance.compression)"
            ),
        ]
        let head = facts.map { name, value in
            name + String(repeating: " ", count: 11 - name.count) + value + "\n"
        }.joined()
        return head + "\n" + (everyTensor ? tensorTable(report) : GroupTable.text(report.groups))
    }

    private static func tensorTable(_ report: InspectionReport) -> String {
        var table = TextTable(
            ["tensor", "layout", "dimensions", "form", "raw MB", "stored MB", "encoding"],
            rightAligned: [4, 5])
        for tensor in report.tensors {
            table.append([
                tensor.name, tensor.layout, tensor.dimensions.map(String.init).joined(separator: " x "),
                tensor.form, Readable.megabytes(tensor.rawBytes), Readable.megabytes(tensor.storedBytes),
                tensor.encoding,
            ])
        }
        return table.text
    }
}

/// What `inspect` says, as it goes out in JSON.
struct InspectionReport: Encodable {
    struct TokenizerFacts: Encodable {
        var model: String
        var preTokenizer: String
        var tokens: Int
        var merges: Int
        var bos: Int32?
        var eos: Int32?
        var eot: Int32?
        var unknown: Int32?
        var padding: Int32?
    }

    struct Tensor: Encodable {
        var name: String
        var layout: String
        var dimensions: [Int]
        var form: String
        /// Of the records; scales of channel-major tensors come on top as `planes`.
        var offset: Int
        var rawBytes: Int
        var storedBytes: Int
        var encoding: String
        var planes: Planes?
    }

    struct Planes: Encodable {
        var offset: Int
        var rawBytes: Int
        var storedBytes: Int
        var encoding: String
    }

    struct Compression: Encodable {
        var rawBytes: Int
        var storedBytes: Int
        var ratio: Double
        /// Segments by encoding.
        var segments: [String: Int]
    }

    var path: String
    var formatVersion: UInt32
    var fileBytes: Int
    var identity: String
    var model: ModelParameters
    var tokenizer: TokenizerFacts
    var chatTemplate: String?
    var groups: [ImportReport.Row]
    var tensors: [Tensor]
    var compression: Compression
    var provenance: Provenance
    var general: [String: String]

    init(_ store: StoreInspection, path: String) throws(StoreError) {
        let vocabulary = try store.vocabulary()
        self.path = path
        formatVersion = StoreFormat.version
        fileBytes = store.fileBytes
        identity = store.identity
        model = store.metadata.model
        tokenizer = TokenizerFacts(
            model: vocabulary.model, preTokenizer: vocabulary.preTokenizer, tokens: vocabulary.tokens.count,
            merges: vocabulary.merges.count, bos: vocabulary.bos, eos: vocabulary.eos, eot: vocabulary.eot,
            unknown: vocabulary.unknown, padding: vocabulary.padding)
        chatTemplate = store.metadata.chatTemplate
        groups = ImportReport.Row.rows(store.tensors)
        tensors = zip(store.metadata.tensors, store.tensors).map { entry, tensor in
            Tensor(
                name: entry.name, layout: entry.layout, dimensions: entry.dimensions,
                form: ImportReport.Row.form(tensor.layout), offset: tensor.elements.offset,
                rawBytes: tensor.elements.rawBytes, storedBytes: tensor.elements.storedBytes,
                encoding: tensor.elements.encoding.name,
                planes: tensor.planes.map {
                    Planes(
                        offset: $0.offset, rawBytes: $0.rawBytes, storedBytes: $0.storedBytes,
                        encoding: $0.encoding.name)
                })
        }
        let raw = store.segments.reduce(0) { $0 + $1.rawBytes }
        let stored = store.segments.reduce(0) { $0 + $1.storedBytes }
        compression = Compression(
            rawBytes: raw, storedBytes: stored, ratio: Double(stored) / Double(max(raw, 1)),
            segments: Dictionary(grouping: store.segments, by: \.encoding.name).mapValues(\.count))
        provenance = store.metadata.provenance
        general = store.metadata.general
    }
}
