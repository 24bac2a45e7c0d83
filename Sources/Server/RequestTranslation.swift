internal import ChatTemplate
internal import Generation
internal import Tokenizer
internal import WireAPI

/// A request in the engine's terms, with what its answer needs.
struct PreparedRequest {
    /// One for each prompt.
    var generations: [GenerationRequest]
    /// The prompts as their client wrote them; `nil` for one that came as messages or tokens.
    var prompts: [String?]
    var endpoint: AnswerShape.Endpoint
    var isStream: Bool
    var includeUsage: Bool
    /// What parts each answer.
    var reader = AnswerReader(.plain, offered: nil)
    var wantsReports: Bool { generations.contains { $0.logProbabilities != nil } }
}

extension PreparedRequest {
    init(_ request: ChatRequest, for generator: any TextGenerator) throws {
        let conversation = Conversation(
            messages: request.messages.map { TemplateValue(.object($0)) },
            addGenerationPrompt: request.addGenerationPrompt,
            tools: request.tools?.map { TemplateValue($0) },
            extra: Dictionary(
                request.templateVariables.map { ($0.key, TemplateValue($0.value)) }, uniquingKeysWith: { $1 })
        )
        let rendered = try generator.renderChat(conversation)
        try self.init(
            [(Self.tokenizeRendered(rendered, by: generator), nil)], request.fields, .chat,
            logProbabilities: request.logProbabilities,
            for: generator)
        generations[0].grammar = request.grammar
        // By a format nothing is thought.
        let isPlain = request.grammar != nil || !request.addGenerationPrompt
        let beginsThinking = AnswerReader.beginsWithReasoning(after: rendered)
        reader = AnswerReader(
            isPlain ? .plain : beginsThinking ? .reasoning : .open, offered: request.toolNames)
    }

    init(_ request: CompletionRequest, for generator: any TextGenerator) throws {
        var fields = request.fields
        fields.maxTokens = fields.maxTokens ?? CompletionRequest.defaultMaxTokens
        let prompts: [Prompt] = request.prompts.map { prompt in
            switch prompt {
            case .tokens(let tokens): (tokens, nil)
            case .text(let text): (generator.tokenize(text, addSpecial: true, parseSpecial: true), text)
            }
        }
        let (count, limit) = (
            prompts.reduce(0) { $0 + $1.tokens.count }, CompletionRequest.maximumPromptTokens
        )
        guard prompts.count == 1 || count <= limit else {
            throw APIError(
                code: .outOfRange, param: "prompt",
                message: "prompt: \(prompts.count) prompts hold \(count) tokens, \(limit) are taken at once; "
                    + "send fewer")
        }
        try self.init(
            prompts, fields, .completion, logProbabilities: request.logProbabilities, echo: request.echo,
            for: generator)
    }

    private typealias Prompt = (tokens: [TokenID], text: String?)

    private init(
        _ prompts: [Prompt], _ fields: GenerationFields, _ endpoint: AnswerShape.Endpoint,
        logProbabilities: Int?, echo: Bool = false, for generator: any TextGenerator
    ) throws {
        let size = generator.model.vocabularySize
        for token in fields.logitBias.keys.sorted() where Int(token) >= size {
            throw APIError(
                code: .tokenOutOfRange, param: "logit_bias",
                message: "logit_bias: token \(token) is outside the vocabulary of \(size) tokens")
        }
        generations = prompts.map { prompt in
            GenerationRequest(
                prompt: prompt.tokens, sampling: SamplingOptions(fields), stop: fields.stop,
                maxTokens: fields.maxTokens, ignoreEndOfGeneration: fields.ignoreEOS,
                logProbabilities: logProbabilities, echo: echo, sparsity: fields.sparsity)
        }
        self.prompts = prompts.map(\.text)
        self.endpoint = endpoint
        isStream = fields.stream
        includeUsage = fields.includeUsage
    }

    /// Tokens of a rendered chat, with the model's begin token once: some templates write it themselves.
    private static func tokenizeRendered(_ text: String, by generator: any TextGenerator) -> [TokenID] {
        let tokens = generator.tokenize(text, addSpecial: true, parseSpecial: true)
        guard tokens.count >= 2, tokens[0] == tokens[1] else { return tokens }
        return generator.tokenize(text, addSpecial: false, parseSpecial: true)
    }
}

extension SamplingOptions {
    init(_ fields: GenerationFields) {
        self.init()
        if let value = fields.temperature { temperature = Float(value) }
        if let value = fields.topP { topP = Float(value) }
        if let value = fields.topK { topK = value }
        if let value = fields.minP { minP = Float(value) }
        if let value = fields.repetitionPenalty { repetitionPenalty = Float(value) }
        if let value = fields.frequencyPenalty { frequencyPenalty = Float(value) }
        if let value = fields.presencePenalty { presencePenalty = Float(value) }
        logitBias = fields.logitBias.mapValues { Float($0) }
        seed = fields.seed.map { UInt64(bitPattern: Int64($0)) }
    }
}

extension TemplateValue {
    /// The same value as templates see it; JSON's null is their `none`.
    init(_ json: JSONValue) {
        switch json {
        case .null: self = .none
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .double(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .array(let items): self = .array(items.map { TemplateValue($0) })
        case .object(let members):
            var object = OrderedObject()
            for (key, value) in members { object[key] = TemplateValue(value) }
            self = .object(object)
        }
    }
}
