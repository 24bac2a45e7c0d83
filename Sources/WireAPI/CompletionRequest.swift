/// The body of `POST /v1/completions`.
package struct CompletionRequest: Sendable, Equatable {
    package enum Prompt: Sendable, Equatable {
        case text(String)
        case tokens([Int32])
    }

    package var fields: GenerationFields
    package var prompt: Prompt
    /// How many alternatives to report with each token; `nil` reports no log-probabilities.
    package var logProbabilities: Int?

    /// OpenAI's default of `max_tokens` for this endpoint.
    package static let defaultMaxTokens = 16

    static let known: Set<String> = GenerationFields.known.union(["prompt", "echo", "suffix", "best_of"])

    package init(body: [UInt8]) throws(APIError) {
        let reader = FieldReader(try JSONObject(requestBody: body))
        try reader.refuseUnknown(known: Self.known, ignored: GenerationFields.ignored)
        fields = try GenerationFields(reader)
        prompt = try Self.readPrompt(reader)
        logProbabilities = try reader.int("logprobs", in: 0...GenerationFields.maximumAlternatives)
        if try reader.bool("echo") == true {
            throw .unsupported("echo", "the prompt is not repeated here; leave it out or send false")
        }
        if let suffix = try reader.string("suffix"), !suffix.isEmpty {
            throw .unsupported("suffix", "text after the gap is not offered; leave it out")
        }
        if let count = try reader.int("best_of"), count != 1 {
            throw .unsupported("best_of", "\(count) attempts asked for, this daemon makes 1")
        }
    }

    private static func readPrompt(_ reader: FieldReader) throws(APIError) -> Prompt {
        let expected = "a string, a list of token ids, or a list with one of these"
        switch reader.value("prompt") {
        case nil:
            throw APIError(
                code: .missingField, param: "prompt", message: "prompt: missing; expected \(expected)")
        case .string(let text):
            return .text(text)
        case .array(let items):
            guard let first = items.first else {
                throw APIError(
                    code: .emptyPrompt, param: "prompt", message: "prompt: the list is empty; send some text")
            }
            if case .int = first { return .tokens(try readTokens(items, name: "prompt")) }
            guard items.count == 1 else {
                throw .unsupported(
                    "prompt", "holds \(items.count) prompts, one request answers 1; send several requests")
            }
            if case .string(let text) = first { return .text(text) }
            if case .array(let inner) = first { return .tokens(try readTokens(inner, name: "prompt[0]")) }
            throw .wrongType("prompt[0]", expected: "a string or a list of token ids", found: first)
        case .some(let value):
            throw .wrongType("prompt", expected: expected, found: value)
        }
    }

    private static func readTokens(_ items: [JSONValue], name: String) throws(APIError) -> [Int32] {
        var tokens: [Int32] = []
        tokens.reserveCapacity(items.count)
        for (index, item) in items.enumerated() {
            guard let value = item.intValue else {
                throw .wrongType("\(name)[\(index)]", expected: "a token id", found: item)
            }
            guard let token = Int32(exactly: value), token >= 0 else {
                throw APIError(
                    code: .tokenOutOfRange, param: "\(name)[\(index)]",
                    message: "\(name)[\(index)]: \(value) is not a token id")
            }
            tokens.append(token)
        }
        return tokens
    }
}
