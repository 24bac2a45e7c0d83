/// Checks one message of a conversation and brings its content into the form templates expect.
enum ChatMessage {
    static let roles = ["system", "developer", "user", "assistant", "tool", "function"]

    /// The message with `content` as one string; every other member stays as it was sent.
    ///
    /// `developer` becomes `system`: OpenAI renamed the role, published templates know only the old name.
    static func check(_ message: JSONObject, path: String) throws(APIError) -> JSONObject {
        let reader = FieldReader(message, path: path)
        guard let role = try reader.string("role") else {
            throw APIError(
                code: .missingField, param: "\(path).role",
                message: "\(path).role: missing; expected one of \(roles.joined(separator: ", "))")
        }
        guard roles.contains(role) else {
            let hint = Suggestion.nearest(to: role, among: roles).map { "; did you mean \"\($0)\"?" } ?? ""
            throw APIError(
                code: .outOfRange, param: "\(path).role",
                message:
                    "\(path).role: \"\(role.prefix(40))\" is not one of "
                    + roles.joined(separator: ", ") + hint
            )
        }
        var checked = message
        checked["role"] = .string(role == "developer" ? "system" : role)
        let calls = try reader.array("tool_calls", atMost: 128) ?? []
        checked["tool_calls"] = calls.isEmpty ? nil : .array(try checkCalls(calls, path: path))
        checked["content"] = .string(
            try readContent(reader, mayBeAbsent: role == "assistant" && !calls.isEmpty))
        return checked
    }

    private static func readContent(_ reader: FieldReader, mayBeAbsent: Bool) throws(APIError) -> String {
        let name = reader.name("content")
        switch reader.value("content") {
        case .string(let text): return text
        case .array(let parts): return try joinParts(parts, name: name)
        case nil where mayBeAbsent: return ""
        case nil:
            throw APIError(
                code: .missingField, param: name,
                message: "\(name): missing; expected a string or a list of parts")
        case .some(let value):
            throw .wrongType(name, expected: "a string or a list of parts", found: value)
        }
    }

    /// The texts of a list of parts, one per line.
    private static func joinParts(_ parts: [JSONValue], name: String) throws(APIError) -> String {
        var texts: [String] = []
        for (index, part) in parts.enumerated() {
            let path = "\(name)[\(index)]"
            guard case .object(let object) = part else {
                throw .wrongType(path, expected: "an object", found: part)
            }
            let reader = FieldReader(object, path: path)
            guard let type = try reader.string("type") else {
                throw APIError(
                    code: .missingField, param: "\(path).type",
                    message: "\(path).type: missing; expected \"text\"")
            }
            guard type == "text" else {
                throw .unsupported(
                    "\(path).type", "\"\(type.prefix(40))\" is not offered; the model reads only \"text\"")
            }
            guard let text = try reader.string("text") else {
                throw APIError(
                    code: .missingField, param: "\(path).text",
                    message: "\(path).text: missing; expected a string")
            }
            texts.append(text)
        }
        return texts.joined(separator: "\n")
    }

    /// Turns `function.arguments` from the JSON text OpenAI sends into the object templates print.
    private static func checkCalls(_ calls: [JSONValue], path: String) throws(APIError) -> [JSONValue] {
        var checked: [JSONValue] = []
        for (index, call) in calls.enumerated() {
            guard case .object(var object) = call else {
                throw .wrongType("\(path).tool_calls[\(index)]", expected: "an object", found: call)
            }
            if case .object(var function)? = object["function"],
                case .string(let text)? = function["arguments"],
                let arguments = try? JSONValue(parsing: text), case .object = arguments
            {
                function["arguments"] = arguments
                object["function"] = .object(function)
            }
            checked.append(.object(object))
        }
        return checked
    }
}
