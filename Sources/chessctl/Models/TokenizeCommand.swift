internal import ArgumentParser
internal import Importing
internal import Tokenizer

/// `chessctl tokenize`: the tokens of a text.
struct TokenizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Show the tokens of a text.",
        discussion: """
            Works with .chess files and with GGUF files, also with those that hold a vocabulary only.

              chessctl tokenize models/NAME.chess "Hello, world"
              chessctl tokenize model.gguf --json "<|im_start|>user" | jq .ids
              chessctl tokenize model.gguf - < essay.txt | wc -l
            """)

    @Argument(
        help: "A .chess or .gguf file.", completion: .file(extensions: ["chess", "gguf"]))
    var file: String

    @Argument(help: ArgumentHelp("The text; \"-\" reads standard input.", valueName: "text"))
    var text: String

    @Flag(name: .customLong("no-special"), help: "Do not put the begin and end tokens around the text.")
    var withoutSpecial = false

    @Flag(name: .customLong("no-parse"), help: "Read the texts of special tokens as plain text.")
    var withoutParsing = false

    @Flag(help: "Print one JSON object: count, ids and pieces.")
    var json = false

    private struct Answer: Encodable {
        var count: Int
        var ids: [TokenID]
        var pieces: [String]
    }

    func run() async throws {
        try await runningModelTool("tokenize") {
            let parts = try TextParts(path: file)
            let tokenizer: Tokenizer
            do throws(TokenizerError) { tokenizer = try Tokenizer(parts.vocabulary) } catch {
                throw ModelToolError.tokenizer(path: file, reason: error.description)
            }
            let text = text == "-" ? try await Terminal.readAll(limit: 1 << 26) : text
            let ids = tokenizer.encode(text, addSpecial: !withoutSpecial, parseSpecial: !withoutParsing)
            let pieces = ids.map {
                String(decoding: tokenizer.bytes(of: $0, showSpecial: true), as: UTF8.self)
            }
            if json {
                try Terminal.write(JSONText.encode(Answer(count: ids.count, ids: ids, pieces: pieces)))
            } else {
                try Terminal.write(
                    zip(ids, pieces).map { id, piece in
                        String(repeating: " ", count: max(0, 7 - String(id).count))
                            + "\(id)  \(piece.debugDescription)\n"
                    }.joined())
            }
        }
    }
}
