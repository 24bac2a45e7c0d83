package import Tokenizer

/// Why a request cannot be served. The server turns each case into a status and a stable code.
package enum GenerationError: Error, Equatable, CustomStringConvertible {
    case emptyPrompt
    case promptTooLong(tokens: Int, limit: Int)
    case tokenOutOfRange(id: TokenID, vocabularySize: Int)
    case unknownProfile(name: String, known: [String])
    case noChatTemplate(model: String)
    case chatTemplate(model: String, reason: String)
    case queueFull(capacity: Int)
    case stopping
    /// The weights could not be read while serving.
    case weights(reason: String)

    package var description: String {
        switch self {
        case .emptyPrompt:
            "the prompt holds no tokens; send some text"
        case .promptTooLong(let tokens, let limit):
            "the prompt holds \(tokens) tokens, the context has room for \(limit); shorten it or raise --context"
        case .tokenOutOfRange(let id, let size):
            "token \(id) is outside the vocabulary of \(size) tokens"
        case .unknownProfile(let name, let known):
            "sparsity: \"\(name)\" is not a profile of this daemon; it has \(known.joined(separator: ", "))"
        case .noChatTemplate(let model):
            "\(model): the model has no chat template; use /v1/completions"
        case .chatTemplate(let model, let reason):
            "\(model): chat template: \(reason)"
        case .queueFull(let capacity):
            "\(capacity) requests are waiting already; try again in a moment"
        case .stopping:
            "the daemon is stopping; try again when it is back"
        case .weights(let reason):
            reason
        }
    }
}
