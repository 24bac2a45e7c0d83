/// Why a vocabulary cannot be used. Each case carries what a person needs to choose another model.
package enum TokenizerError: Error, Equatable, CustomStringConvertible {
    /// `tokenizer.ggml.model` names a family this build does not know.
    case unsupportedModel(name: String, supported: [String])
    /// `tokenizer.ggml.pre` names a rule this build does not know.
    case unsupportedPreTokenizer(name: String, supported: [String])
    /// A list that runs beside the tokens is shorter or longer than they are.
    case countsDisagree(field: String, found: Int, tokens: Int)
    /// A special token's id points outside the vocabulary.
    case tokenOutOfRange(field: String, id: TokenID, tokens: Int)
    /// A list the family cannot do without is empty.
    case missing(field: String)
    /// More entries than 32-bit ids can name.
    case tooManyEntries(found: Int, limit: Int)

    package var description: String {
        switch self {
        case .unsupportedModel(let name, let supported):
            "tokenizer.ggml.model: \"\(name)\" \(unsupported(supported))"
        case .unsupportedPreTokenizer(let name, let supported):
            "tokenizer.ggml.pre: \"\(name)\" \(unsupported(supported))"
        case .countsDisagree(let field, let found, let tokens):
            "\(field): \(found) entries for \(tokens) tokens; convert the model again"
        case .tokenOutOfRange(let field, let id, let tokens):
            "\(field): token \(id) of \(tokens) tokens; convert the model again"
        case .missing(let field):
            "\(field): 0 entries, at least 1 is needed; convert the model again"
        case .tooManyEntries(let found, let limit):
            "tokenizer.ggml.tokens: \(found) tokens and merges, at most \(limit) can be numbered; "
                + "choose a smaller model"
        }
    }

    private func unsupported(_ names: [String]) -> String {
        let known = names.map { "\"\($0)\"" }.joined(separator: ", ")
        return "is not supported; choose a model with one of \(known)"
    }
}
