package import Grammar
package import Tokenizer

/// What one generation is asked to do, in tokens; prompts are already rendered and tokenized.
package struct GenerationRequest: Sendable, Equatable {
    /// The whole prompt. Never empty; at most the context length less one.
    package var prompt: [TokenID]
    package var sampling: SamplingOptions
    /// The stream ends before the first of these texts appears; none of its bytes are sent.
    package var stop: [String]
    /// The most tokens to generate; `nil` means until the context is full, 0 only reads the prompt.
    package var maxTokens: Int?
    /// Goes on past the model's own end-of-generation tokens (for benchmarks).
    package var ignoreEndOfGeneration: Bool
    /// How many alternatives to report with each token; `nil` reports no log-probabilities at all.
    package var logProbabilities: Int?
    /// Reports the prompt's tokens too, and the end-of-generation token when it comes, so that whoever scores a
    /// text finds as many entries as there were tokens.
    package var echo: Bool
    /// Whether the prompt's tokens are to be reported with their log-probabilities.
    package var scoresPrompt: Bool { echo && logProbabilities != nil }
    /// The sparsity profile to decode with; `nil` is the daemon's own choice, `denseProfile` none.
    package var sparsity: String?
    /// What the answer must look like; it ends when nothing may follow. `nil` where it is free.
    package var grammar: Grammar?

    /// Logits that are further than this below the largest will hardly be needed; `nil` when all are.
    var reach: Float? {
        guard logProbabilities == nil, let reach = sampling.reach else { return nil }
        // A grammar may rule out the likeliest.
        return grammar == nil ? reach : reach + SamplingOptions.spareReach
    }

    /// The name of doing without sparsity.
    package static let denseProfile = "dense"

    package init(
        prompt: [TokenID], sampling: SamplingOptions = .init(), stop: [String] = [], maxTokens: Int? = nil,
        ignoreEndOfGeneration: Bool = false, logProbabilities: Int? = nil, echo: Bool = false,
        sparsity: String? = nil, grammar: Grammar? = nil
    ) {
        self.prompt = prompt
        self.sampling = sampling
        self.stop = stop
        self.maxTokens = maxTokens
        self.ignoreEndOfGeneration = ignoreEndOfGeneration
        self.logProbabilities = logProbabilities
        self.echo = echo
        self.sparsity = sparsity
        self.grammar = grammar
    }
}

/// How the next token is drawn from the logits; applied in the order of the properties.
package struct SamplingOptions: Sendable, Equatable {
    /// Divides the logit of a token seen among the last 64 when positive, multiplies it when negative; 1 is off.
    package var repetitionPenalty: Float = 1
    /// Subtracted once for each time the token was generated; OpenAI's `frequency_penalty`.
    package var frequencyPenalty: Float = 0
    /// Subtracted once when the token was generated at all; OpenAI's `presence_penalty`.
    package var presencePenalty: Float = 0
    /// Added to the logit of a token; OpenAI's `logit_bias`.
    package var logitBias: [TokenID: Float] = [:]
    /// Keeps the `topK` most probable tokens; 0 keeps all.
    package var topK: Int = 0
    /// Keeps the smallest set of tokens that holds this much probability; 1 keeps all.
    package var topP: Float = 1
    /// Drops tokens less probable than this share of the most probable one; 0 keeps all.
    package var minP: Float = 0
    /// 0 is greedy: the most probable token, the lowest id among equals.
    package var temperature: Float = 0.8
    /// The same seed, prompt and options give the same text; `nil` draws one.
    package var seed: UInt64? = nil

    package init() {}

    /// Whether the least probable tokens are not drawn from.
    var isCut: Bool { topK > 0 || topP < 1 || minP > 0 }

    /// Whether logits are changed before a token is drawn.
    var isPenalised: Bool {
        repetitionPenalty != 1 || frequencyPenalty != 0 || presencePenalty != 0 || !logitBias.isEmpty
    }

    /// Logits that are further than this below the largest will hardly be needed; `nil` when all are.
    ///
    /// Beyond it the sampler asks for them when it must.
    var reach: Float? {
        if isPenalised {
            // What is raised may have been the least of all.
            if repetitionPenalty < 1 || frequencyPenalty < 0 || presencePenalty < 0 { return nil }
            if logitBias.values.contains(where: { $0 > 0 }) { return nil }
        }
        var reach = max(temperature, 0) * 4
        if temperature > 0, isCut { reach = max(reach, 6) }
        if temperature > 0, minP > 0 { reach = min(reach, Float(-Sampler.logarithm(Double(minP)))) }
        return isPenalised ? reach + Self.spareReach : reach
    }

    /// How much further logits are needed where the likeliest may fall out.
    static let spareReach: Float = 4

    /// The most probable token at every step.
    package static var greedy: SamplingOptions {
        var options = SamplingOptions()
        options.temperature = 0
        return options
    }
}
