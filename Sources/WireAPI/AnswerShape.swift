/// Writes answers in the shape of one of the two endpoints.
package struct AnswerShape: Sendable, Equatable {
    package enum Endpoint: Sendable, Equatable { case chat, completion }

    package var endpoint: Endpoint
    package var id: String
    package var model: String
    /// Seconds since 1970.
    package var created: Int

    /// - Parameter suffix: the random part of the answer's id.
    package init(endpoint: Endpoint, suffix: String, model: String, created: Int) {
        self.endpoint = endpoint
        self.id = (endpoint == .chat ? "chatcmpl-" : "cmpl-") + suffix
        self.model = model
        self.created = created
    }

    /// One complete answer to one prompt.
    package struct Choice: Sendable, Equatable {
        package var text: String
        /// Of a chat: what the model thought before.
        package var reasoning: String
        /// Of a chat: the tools that the model wants called.
        package var calls: [ToolCall]
        package var reason: String
        /// In the endpoint's own shape.
        package var logProbabilities: JSONValue?

        package init(
            text: String, reasoning: String = "", calls: [ToolCall] = [], reason: String,
            logProbabilities: JSONValue?
        ) {
            self.text = text
            self.reasoning = reasoning
            self.calls = calls
            self.reason = reason
            self.logProbabilities = logProbabilities
        }
    }

    /// A whole answer, its choices in the order of the prompts.
    package func whole(_ choices: [Choice], usage: Usage, timings: Timings) -> JSONValue {
        var object = head(object: endpoint == .chat ? "chat.completion" : "text_completion")
        object["choices"] = .array(choices.enumerated().map { json($1, index: $0) })
        object["usage"] = usage.json
        object["timings"] = timings.json
        return .object(object)
    }

    private func json(_ choice: Choice, index: Int) -> JSONValue {
        var object: JSONObject = ["index": .int(index)]
        switch endpoint {
        case .chat:
            var message: JSONObject = [
                "role": "assistant", "content": .string(choice.text), "refusal": .null,
            ]
            if !choice.reasoning.isEmpty { message["reasoning_content"] = .string(choice.reasoning) }
            if !choice.calls.isEmpty {
                if choice.text.isEmpty { message["content"] = .null }
                let calls = choice.calls.enumerated().map { JSONValue.object($1.json(answer: id, index: $0)) }
                message["tool_calls"] = .array(calls)
            }
            object["message"] = .object(message)
        case .completion: object["text"] = .string(choice.text)
        }
        object["logprobs"] = choice.logProbabilities ?? .null
        object["finish_reason"] = .string(choice.reason)
        return .object(object)
    }

    /// The chunk that opens a chat stream; completions have none.
    package func opening() -> JSONValue? {
        endpoint == .chat ? chunk(delta: ["role": "assistant", "content": ""]) : nil
    }

    /// A chunk with some text.
    package func text(_ text: String, logProbabilities: JSONValue?) -> JSONValue {
        switch endpoint {
        case .chat: chunk(delta: ["content": .string(text)], logProbabilities: logProbabilities)
        case .completion: chunk(text: text, logProbabilities: logProbabilities)
        }
    }

    /// A chat's chunk with some of what the model thinks, as DeepSeek's API and its followers name it.
    package func reasoning(_ text: String) -> JSONValue { chunk(delta: ["reasoning_content": .string(text)]) }

    /// A chat's chunk with a whole call, the answer's call number `index`.
    package func call(_ call: ToolCall, index: Int) -> JSONValue {
        var object: JSONObject = ["index": .int(index)]
        for (key, value) in call.json(answer: id, index: index) { object[key] = value }
        return chunk(delta: ["tool_calls": [.object(object)]])
    }

    /// The chunk that says why the answer ended.
    package func closing(reason: String, timings: Timings) -> JSONValue {
        let chunk = endpoint == .chat ? chunk(delta: [:], reason: reason) : chunk(text: "", reason: reason)
        guard case .object(var object) = chunk else { return chunk }
        object["timings"] = timings.json
        return .object(object)
    }

    /// The chunk after the last when `stream_options.include_usage` was set.
    package func usage(_ usage: Usage) -> JSONValue {
        var object = head(object: endpoint == .chat ? "chat.completion.chunk" : "text_completion")
        object["choices"] = []
        object["usage"] = usage.json
        return .object(object)
    }

    private func chunk(
        delta: JSONObject? = nil, text: String? = nil, logProbabilities: JSONValue? = nil,
        reason: String? = nil
    ) -> JSONValue {
        var choice: JSONObject = ["index": 0]
        if let delta { choice["delta"] = .object(delta) }
        if let text { choice["text"] = .string(text) }
        choice["logprobs"] = logProbabilities ?? .null
        choice["finish_reason"] = reason.map { .string($0) } ?? .null
        var object = head(object: endpoint == .chat ? "chat.completion.chunk" : "text_completion")
        object["choices"] = [.object(choice)]
        return .object(object)
    }

    private func head(object: String) -> JSONObject {
        ["id": .string(id), "object": .string(object), "created": .int(created), "model": .string(model)]
    }
}
