internal import ArgumentParser
internal import FoundationEssentials
internal import Importing
internal import Machine
internal import WeightStore
internal import WireAPI

/// `chessctl import`: makes a weight store of a GGUF file.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make a .chess file of a GGUF model.",
        discussion: """
            Lays the weights out anew, so that a channel is one contiguous piece of the file. Nothing is \
            quantised again: the model stays exactly what it was. The new file appears only when it is complete.

              chessctl import model.gguf                                next to it, as model.chess
              chessctl import model.gguf -o models/model.chess
              chessctl import model.gguf -o m.chess --compression none  larger, opens faster
              chessctl import model.gguf -o m.chess --json | jq .stored_bytes

            Architectures: llama (also Mistral, TinyLlama, SmolLM), qwen2, qwen3, smollm3. Types: F32, F16, BF16, Q4_0, Q4_1, \
            Q5_0, Q5_1, Q8_0, Q3_K, Q4_K, Q5_K, Q6_K.

            Exit codes: 64 usage, 65 a model that cannot be imported, 66 no such model, 73 cannot create the \
            file, 74 cannot write it.
            """)

    @Argument(help: "The model, a .gguf file.", completion: .file(extensions: ["gguf"]))
    var source: String

    @Option(name: [.short, .long], help: "The file to write. Default: the model's name, ending in .chess.")
    var output: String?

    @OptionGroup var conversion: ConversionOptions

    @Flag(help: "Replace the output when it exists.")
    var force = false

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    private var target: String {
        if let output { return output }
        return (source.hasSuffix(".gguf") ? String(source.dropLast(5)) : source) + ".chess"
    }

    func run() async throws {
        try await runningModelTool("import") {
            let target = target
            let report = try await conversion.convert(source, to: target, overwrite: force)
            try Terminal.write(
                json ? ImportAnswer.json(report, path: target) : ImportAnswer.table(report, path: target))
        }
    }
}

/// What `import` and `models add` print when they are done.
enum ImportAnswer {
    private struct Answer: Encodable {
        var path: String
        var name: String
        var architecture: String
        var fileBytes: Int
        var rawBytes: Int
        var storedBytes: Int
        var ratio: Double
        var seconds: Double
        var groups: [ImportReport.Row]
        var ignoredTensors: [String]
        var provenance: Provenance
    }

    static func json(_ report: ImportReport, path: String) throws -> String {
        let raw = report.rows.reduce(0) { $0 + $1.rawBytes }
        let stored = report.rows.reduce(0) { $0 + $1.storedBytes }
        return try JSONText.encode(
            Answer(
                path: path, name: report.metadata.model.name,
                architecture: report.metadata.model.architecture,
                fileBytes: report.fileBytes, rawBytes: raw, storedBytes: stored,
                ratio: Double(stored) / Double(max(raw, 1)), seconds: report.seconds, groups: report.rows,
                ignoredTensors: report.ignored, provenance: report.metadata.provenance))
    }

    static func table(_ report: ImportReport, path: String) -> String {
        let model = report.metadata.model
        var text = "\(model.name) (\(model.architecture)) -> \(path)\n\n" + GroupTable.text(report.rows)
        for name in report.ignored { text += "ignored: \(name), which no reader needs\n" }
        text += "\n\(Readable.megabytes(report.fileBytes)) MB in \(Readable.fixed(report.seconds, 1)) s"
        let rate = Double(report.metadata.provenance.sourceBytes) / 1e6 / max(report.seconds, 1e-3)
        return text + ", \(Readable.fixed(rate, 1)) MB/s\n"
    }
}

/// The table of tensor groups that `import` and `inspect` print.
enum GroupTable {
    static func text(_ rows: [ImportReport.Row]) -> String {
        var table = TextTable(
            ["tensors", "count", "form", "raw MB", "stored MB", "ratio", "encoding"],
            rightAligned: [1, 3, 4, 5])
        for row in rows {
            table.append([
                row.group, String(row.tensors), row.form, Readable.megabytes(row.rawBytes),
                Readable.megabytes(row.storedBytes), Readable.ratio(row.storedBytes, row.rawBytes),
                row.encoding,
            ])
        }
        let raw = rows.reduce(0) { $0 + $1.rawBytes }
        let stored = rows.reduce(0) { $0 + $1.storedBytes }
        table.append([
            "all", String(rows.reduce(0) { $0 + $1.tensors }), "", Readable.megabytes(raw),
            Readable.megabytes(stored), Readable.ratio(stored, raw), "",
        ])
        return table.text
    }
}

/// JSON for scripts: keys in snake case and in order, ending with a line feed.
enum JSONText {
    static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }
}
