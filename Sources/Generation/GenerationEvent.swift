package import Tokenizer

/// What a generation tells its client, in this order: `started`, `prompt` where the request echoes, any number
/// of `token`, `finished`.
package enum GenerationEvent: Sendable, Equatable {
    /// The prompt is about to be evaluated; `cachedTokens` of it are reused from the previous conversation.
    case started(promptTokens: Int, cachedTokens: Int)
    /// The prompt's tokens, all at once.
    case prompt([PromptToken])
    case token(GeneratedToken)
    case finished(GenerationSummary)
}

/// One step's result.
package struct GeneratedToken: Sendable, Equatable {
    package var id: TokenID
    /// The text that became certain with this token; empty while a character or a stop text is incomplete.
    package var text: String
    /// Natural logarithm of the token's probability before temperature; present when asked for.
    package var logProbability: Float?
    /// The most probable alternatives, best first; as many as asked for.
    package var alternatives: [TokenProbability]

    package init(
        id: TokenID, text: String, logProbability: Float? = nil, alternatives: [TokenProbability] = []
    ) {
        self.id = id
        self.text = text
        self.logProbability = logProbability
        self.alternatives = alternatives
    }
}

/// A token with its log-probability.
package struct TokenProbability: Sendable, Equatable {
    package var id: TokenID
    package var bytes: [UInt8]
    package var logProbability: Float

    package init(id: TokenID, bytes: [UInt8], logProbability: Float) {
        self.id = id
        self.bytes = bytes
        self.logProbability = logProbability
    }
}

/// Why a generation ended.
package enum FinishReason: String, Sendable, Equatable {
    /// The model said so, or a stop text appeared.
    case stop
    /// `maxTokens` or the context length was reached.
    case length
    /// The client went away or the daemon is stopping.
    case cancelled
}

/// The end of a generation and what it cost.
package struct GenerationSummary: Sendable, Equatable {
    package var reason: FinishReason
    /// Text held back for a stop text or an unfinished character that turned out to belong to the answer.
    package var trailingText: String
    package var promptTokens: Int
    package var cachedTokens: Int
    package var completionTokens: Int
    /// Seconds from the start of the evaluation to the first token.
    package var prefillSeconds: Double
    /// Seconds from the first token to the last.
    package var decodeSeconds: Double

    package init(
        reason: FinishReason, trailingText: String, promptTokens: Int, cachedTokens: Int,
        completionTokens: Int, prefillSeconds: Double, decodeSeconds: Double
    ) {
        self.reason = reason
        self.trailingText = trailingText
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.completionTokens = completionTokens
        self.prefillSeconds = prefillSeconds
        self.decodeSeconds = decodeSeconds
    }
}
