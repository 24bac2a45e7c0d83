/// The body of `POST /v1/completions`.
package struct CompletionRequest: Sendable, Equatable {
    package enum Prompt: Sendable, Equatable {
        case text(String)
        case tokens([Int32])
    }

    package var fields: GenerationFields
    /// One choice of the answer each, in this order; never empty.
    package var prompts: [Prompt]
    /// How many alternatives to report with each token; `nil` reports no log-probabilities.
    package var logProbabilities: Int?
    /// The prompt stands at the start of the answer, with its tokens' log-probabilities where those are asked for.
    package var echo: Bool

    /// OpenAI's default of `max_tokens` for this endpoint.
    package static let defaultMaxTokens = 16
    package static let maximumPrompts = 128
    /// Tokens that several prompts of one request may hold together; a single one has the context's room.
    /// Scored with 20 alternatives each they take 200 MB until the answer is written.
    package static let maximumPromptTokens = 8192

    static let known: Set<String> = GenerationFields.known.union(["prompt", "echo", "suffix", "best_of"])

    package init(body: [UInt8]) throws(APIError) {
        let reader = FieldReader(try JSONObject(requestBody: body))
        try reader.refuseUnknown(known: Self.known, ignored: GenerationFields.ignored)
        fields = try GenerationFields(reader, lowestLimit: 0)
        prompts = try Self.readPrompts(reader)
        logProbabilities = try reader.int("logprobs", in: 0...GenerationFields.maximumAlternatives)
        echo = try reader.bool("echo") ?? false
        if let suffix = try reader.string("suffix"), !suffix.isEmpty {
            throw .unsupported("suffix", "text after the gap is not offered; leave it out")
        }
        if let count = try reader.int("best_of"), count != 1 {
            throw .unsupported("best_of", "\(count) attempts asked for, this daemon makes 1")
        }
        try refuseContradictions()
    }

    private func refuseContradictions() throws(APIError) {
        if fields.maxTokens == 0 && !echo {
            throw APIError(
                code: .outOfRange, param: "max_tokens",
                message: "max_tokens: 0 only goes with \"echo\": true; send at least 1")
        }
        guard fields.stream else { return }
        if echo { throw .unsupported("echo", "only goes with \"stream\": false") }
        if prompts.count > 1 {
            throw .unsupported("stream", "the request holds \(prompts.count) prompts, a stream answers 1")
        }
    }

    private static func readPrompts(_ reader: FieldReader) throws(APIError) -> [Prompt] {
        let expected = "a string, a list of token ids, or a list of these"
        switch reader.value("prompt") {
        case nil:
            throw APIError(
                code: .missingField, param: "prompt", message: "prompt: missing; expected \(expected)")
        case .string(let text):
            return [.text(text)]
        case .array(let items):
            guard let first = items.first else { throw empty("prompt") }
            if first.intValue != nil { return [.tokens(try reader.tokens(items, name: "prompt"))] }
            guard items.count <= maximumPrompts else {
                throw APIError(
                    code: .outOfRange, param: "prompt",
                    message:
                        "prompt: holds \(items.count) prompts, at most \(maximumPrompts) are answered at once"
                )
            }
            var prompts: [Prompt] = []
            for (index, item) in items.enumerated() {
                prompts.append(try readPrompt(item, "prompt[\(index)]", reader))
            }
            return prompts
        case .some(let value):
            throw .wrongType("prompt", expected: expected, found: value)
        }
    }

    private static func readPrompt(
        _ item: JSONValue, _ name: String, _ reader: FieldReader
    ) throws(APIError) -> Prompt {
        switch item {
        case .string(let text): return .text(text)
        case .array(let tokens):
            guard !tokens.isEmpty else { throw empty(name) }
            return .tokens(try reader.tokens(tokens, name: name))
        default: throw .wrongType(name, expected: "a string or a list of token ids", found: item)
        }
    }

    private static func empty(_ name: String) -> APIError {
        APIError(code: .emptyPrompt, param: name, message: "\(name): the list is empty; send some text")
    }
}
