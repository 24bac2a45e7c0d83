package import Grammar

/// The body of `POST /v1/chat/completions`.
package struct ChatRequest: Sendable, Equatable {
    package var fields: GenerationFields
    /// The messages as objects for the model's template: `role` is one of the known, `content` a string.
    package var messages: [JSONObject]
    /// Tool descriptions as sent; `nil` when there are none or `tool_choice` is `none`.
    package var tools: [JSONValue]?
    /// The names of the functions that `tools` describe; `nil` without tools.
    package var toolNames: Set<String>? {
        tools.map { Set($0.compactMap { $0["function"]?["name"]?.stringValue }) }
    }
    /// Further variables of the template.
    package var templateVariables: JSONObject
    package var addGenerationPrompt: Bool
    /// How many alternatives to report with each token; `nil` reports no log-probabilities.
    package var logProbabilities: Int?
    /// What the answer must look like; `nil` where it is free.
    package var grammar: Grammar?

    package static let maximumMessages = 2048
    package static let maximumTools = 256

    static let known: Set<String> = GenerationFields.known.union([
        "messages", "tools", "tool_choice", "top_logprobs", "response_format", "chat_template_kwargs",
        "add_generation_prompt", "modalities", "audio", "functions", "function_call",
    ])
    static let ignored: Set<String> = GenerationFields.ignored.union([
        "parallel_tool_calls", "prediction", "reasoning_effort", "verbosity", "web_search_options",
        "moderation",
    ])

    package init(body: [UInt8]) throws(APIError) {
        let reader = FieldReader(try JSONObject(requestBody: body))
        try reader.refuseUnknown(known: Self.known, ignored: Self.ignored)
        fields = try GenerationFields(reader)
        messages = try Self.readMessages(reader)
        tools = try Self.readTools(reader)
        templateVariables = try reader.object("chat_template_kwargs") ?? [:]
        addGenerationPrompt = try reader.bool("add_generation_prompt") ?? true
        logProbabilities = try Self.readLogProbabilities(reader)
        grammar = try AnswerFormat.grammar(reader, tools: tools)
        try Self.refuseUnsupported(reader)
    }

    private static func readMessages(_ reader: FieldReader) throws(APIError) -> [JSONObject] {
        guard let items = try reader.array("messages", atMost: maximumMessages) else {
            throw APIError(
                code: .missingField, param: "messages",
                message:
                    "messages: missing; send a list such as [{\"role\": \"user\", \"content\": \"Hello\"}]")
        }
        guard !items.isEmpty else {
            throw APIError(
                code: .outOfRange, param: "messages",
                message: "messages: the list is empty, expected at least 1 message")
        }
        var messages: [JSONObject] = []
        for (index, item) in items.enumerated() {
            guard case .object(let object) = item else {
                throw .wrongType("messages[\(index)]", expected: "an object", found: item)
            }
            messages.append(try ChatMessage.check(object, path: "messages[\(index)]"))
        }
        return messages
    }

    private static func readTools(_ reader: FieldReader) throws(APIError) -> [JSONValue]? {
        let tools = try reader.array("tools", atMost: maximumTools) ?? []
        for (index, tool) in tools.enumerated() {
            guard case .object = tool else {
                throw .wrongType("tools[\(index)]", expected: "an object", found: tool)
            }
        }
        if reader.value("tool_choice") == "none" { return nil }
        return tools.isEmpty ? nil : tools
    }

    private static func readLogProbabilities(_ reader: FieldReader) throws(APIError) -> Int? {
        let wanted = try reader.bool("logprobs") ?? false
        let count = try reader.int("top_logprobs", in: 0...GenerationFields.maximumAlternatives)
        if let count, count > 0, !wanted {
            throw APIError(
                code: .outOfRange, param: "top_logprobs",
                message: "top_logprobs: only goes with \"logprobs\": true")
        }
        return wanted ? count ?? 0 : nil
    }

    private static func refuseUnsupported(_ reader: FieldReader) throws(APIError) {
        if let modalities = reader.value("modalities"), modalities != ["text"] {
            throw .unsupported("modalities", "only [\"text\"] is offered")
        }
        if reader.value("audio") != nil { throw .unsupported("audio", "only text is offered") }
        for key in ["functions", "function_call"] where reader.value(key) != nil {
            throw .unsupported(key, "superseded by tools; send the description there")
        }
    }
}
