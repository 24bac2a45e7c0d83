/// A function that the model wants called.
package struct ToolCall: Sendable, Equatable {
    package var name: String
    /// JSON text, as OpenAI's clients expect it.
    package var arguments: String

    package init(name: String, arguments: String) {
        self.name = name
        self.arguments = arguments
    }

    /// The call that `{"name": ..., "arguments": {...}}` says; `parameters` is the same member in Llama's form.
    init?(_ json: JSONValue) {
        guard let name = json["name"]?.stringValue, !name.isEmpty else { return nil }
        let arguments: String
        switch json["arguments"] ?? json["parameters"] {
        case nil, .null: arguments = "{}"
        case .object(let members): arguments = JSONValue.object(members).text
        // Some models write the text of an object.
        case .string(let text):
            guard case .object(let members)? = try? JSONValue(parsing: text) else { return nil }
            arguments = JSONValue.object(members).text
        default: return nil
        }
        self.init(name: name, arguments: arguments)
    }

    /// The calls of a JSON text: one object, or a list of them; `nil` when it is anything else.
    ///
    /// The templates in GGUF files of Qwen2.5 show a call in doubled braces, and the models write the first pair so,
    /// sometimes the last one, too.
    static func calls(in text: String) -> [ToolCall]? {
        let text = text.trimmingPrefix(while: \.isWhitespace)
        guard text.hasPrefix("{{") else { return calls(inJSON: String(text)) }
        let single = text.dropFirst()
        return calls(inJSON: String(single))
            ?? single.lastIndex(of: "}").flatMap { calls(inJSON: String(single[..<$0])) }
    }

    private static func calls(inJSON text: String) -> [ToolCall]? {
        switch try? JSONValue(parsing: text) {
        case .array(let items)?:
            let calls = items.compactMap { ToolCall($0) }
            return calls.count == items.count && !calls.isEmpty ? calls : nil
        case let value?: return ToolCall(value).map { [$0] }
        case nil: return nil
        }
    }

    /// OpenAI's object.
    ///
    /// - Parameters:
    ///   - answer: the id of the answer; the call's own is made of it and `index`.
    ///   - index: the number of the call in its answer.
    func json(answer: String, index: Int) -> JSONObject {
        [
            "id": .string("call-\(answer)-\(index)"), "type": "function",
            "function": ["name": .string(name), "arguments": .string(arguments)],
        ]
    }
}
