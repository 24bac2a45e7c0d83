internal import Grammar

/// What a chat's answer must look like, by `response_format`, `tools` and `tool_choice`.
enum AnswerFormat {
    /// The grammar of the answer; `nil` where it is free.
    ///
    /// - Parameter tools: those that the model is told of.
    static func grammar(_ reader: FieldReader, tools: [JSONValue]?) throws(APIError) -> Grammar? {
        let format = try schema(reader)
        if let chosen = try forcedTools(reader, tools) {
            let schemas = try parameters(chosen)
            return try JSONSchema.grammar(schemas.map { ($0.schema, $0.path) }) { values in
                call(zip(schemas, values).map { ($0.name, $1) })
            }
        }
        guard let format else { return nil }
        // Who offers tools as well gets a call or the format, as the model chooses.
        let offered = try parameters(tools ?? [])
        return try JSONSchema.grammar([format] + offered.map { ($0.schema, $0.path) }) { values in
            offered.isEmpty
                ? values[0]
                : .choice([values[0], tagged(zip(offered, values.dropFirst()).map { ($0.name, $1) })])
        }
    }

    private static func schema(_ reader: FieldReader) throws(APIError) -> (JSONValue, String)? {
        guard let format = try reader.object("response_format") else { return nil }
        let fields = FieldReader(format, path: "response_format")
        switch try fields.string("type") {
        case "text": return nil
        case "json_object": return (["type": "object"], "response_format")
        case "json_schema":
            guard let outer = try fields.object("json_schema") else {
                throw missing("response_format.json_schema")
            }
            let path = "response_format.json_schema.schema"
            guard let schema = FieldReader(outer).value("schema") else { throw missing(path) }
            return (schema, path)
        case let kind:
            let shown = kind.map { "\"\($0.prefix(40))\"" } ?? "a format without type"
            throw .unsupported(
                "response_format", "\(shown) is not offered; known are text, json_object and json_schema")
        }
    }

    private static func missing(_ name: String) -> APIError {
        APIError(code: .missingField, param: name, message: "\(name): missing")
    }

    /// The tools of which one must be called; `nil` where none must.
    private static func forcedTools(
        _ reader: FieldReader, _ tools: [JSONValue]?
    ) throws(APIError) -> [JSONValue]? {
        switch reader.value("tool_choice") {
        case nil, .string("auto"), .string("none"): return nil
        case .string("required"):
            guard let tools else { throw .unsupported("tool_choice", "\"required\" only goes with tools") }
            return tools
        case .string(let word):
            throw .unsupported(
                "tool_choice",
                "\"\(word.prefix(40))\" is not known; send auto, none, required or the function that is to be called"
            )
        case .object(let object):
            let choice = FieldReader(object, path: "tool_choice")
            guard let function = try choice.object("function") else { throw missing("tool_choice.function") }
            guard let name = try FieldReader(function, path: "tool_choice.function").string("name") else {
                throw missing("tool_choice.function.name")
            }
            let chosen = (tools ?? []).filter { $0["function"]?["name"]?.stringValue == name }
            guard !chosen.isEmpty else {
                throw .unsupported("tool_choice", "\"\(name.prefix(64))\" is not among the tools")
            }
            return chosen
        case .some(let value):
            throw .wrongType("tool_choice", expected: "a string or an object", found: value)
        }
    }

    private typealias Parameters = (name: String, schema: JSONValue, path: String)

    /// Names of tools and the schemas of what they take.
    private static func parameters(_ tools: [JSONValue]) throws(APIError) -> [Parameters] {
        var schemas: [Parameters] = []
        for tool in tools {
            guard let function = tool["function"], let name = function["name"]?.stringValue, !name.isEmpty
            else {
                throw missing("tools: function.name")
            }
            let schema = function["parameters"].flatMap { $0 == .null ? nil : $0 } ?? noParameters
            schemas.append((name, schema, "tools: parameters of \(name.prefix(64))"))
        }
        return schemas
    }

    private static let noParameters: JSONValue = ["type": "object", "additionalProperties": false]

    /// A call, in tags or without: both are read (`ToolCallReader`), and the model knows which its template taught.
    private static func call(_ tools: [(name: String, arguments: GrammarExpression)]) -> GrammarExpression {
        .choice([tagged(tools), bare(tools)])
    }

    private static func tagged(_ tools: [(name: String, arguments: GrammarExpression)]) -> GrammarExpression {
        let space = JSONGrammar.space
        return .sequence([
            .text(ToolCallReader.opening), space, bare(tools), space, .text(ToolCallReader.closing),
        ])
    }

    private static func bare(_ tools: [(name: String, arguments: GrammarExpression)]) -> GrammarExpression {
        let name = GrammarExpression.text("\"name\"")
        let arguments = GrammarExpression.text("\"arguments\"")
        return .choice(
            tools.map { tool in
                JSONGrammar.object(
                    .sequence([
                        JSONGrammar.member(name, .literal(JSONValue.string(tool.name).utf8)),
                        JSONGrammar.comma,
                        JSONGrammar.member(arguments, tool.arguments),
                    ]), mayBeEmpty: false)
            })
    }
}
