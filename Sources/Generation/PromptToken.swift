internal import Kernels
package import Tokenizer

/// A token of the prompt, with how probable the model found it.
package struct PromptToken: Sendable, Equatable {
    package var id: TokenID
    /// What the token stands for; control tokens as they are spelled.
    package var bytes: [UInt8]
    /// Natural logarithm of the token's probability after those before it; `nil` for the first token, before
    /// which there is nothing, and where no log-probabilities were asked for.
    package var logProbability: Float?
    /// The tokens the model found most probable in this place, best first.
    package var alternatives: [TokenProbability]

    package init(
        id: TokenID, bytes: [UInt8], logProbability: Float? = nil, alternatives: [TokenProbability] = []
    ) {
        self.id = id
        self.bytes = bytes
        self.logProbability = logProbability
        self.alternatives = alternatives
    }
}

/// Collects a prompt's tokens while a prefill lends its logits one position after the other.
struct PromptScores {
    private(set) var tokens: [PromptToken]
    private let tokenizer: Tokenizer
    private let alternatives: Int

    /// - Parameter alternatives: how many to keep with each token.
    init(_ prompt: [TokenID], alternatives: Int, tokenizer: Tokenizer) {
        self.tokenizer = tokenizer
        self.alternatives = alternatives
        tokens = prompt.map { PromptToken(id: $0, bytes: tokenizer.bytes(of: $0, showSpecial: true)) }
    }

    /// Reads what `logits`, which follow token `index`, say about the one after it.
    mutating func read(_ probabilities: LogProbabilities, after index: Int) {
        guard index + 1 < tokens.count else { return }
        tokens[index + 1].logProbability = probabilities(tokens[index + 1].id)
        tokens[index + 1].alternatives = probabilities.best(alternatives).map {
            TokenProbability(
                id: $0.id, bytes: tokenizer.bytes(of: $0.id, showSpecial: true),
                logProbability: $0.logProbability)
        }
    }
}
