import Grammar
import Testing

@testable import WireAPI

@Suite struct JSONSchemaTests {
    private func reader(_ schema: String) throws -> GrammarReader {
        GrammarReader(try JSONSchema.grammar(of: JSONValue(parsing: schema), path: "schema"))
    }

    private func reads(_ text: String, _ start: GrammarReader) -> Bool {
        var reader = start
        return reader.read(text.utf8) && reader.isComplete
    }

    private static let person = """
        {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0},
         "mail": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "required": ["name", "age"]}
        """
    private static let tree = """
        {"$defs": {"Node": {"type": "object", "properties": {"value": {"type": "integer"},
          "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}, "required": ["value", "next"],
          "additionalProperties": false}}, "$ref": "#/$defs/Node"}
        """

    private static let schemas: [(String, [String], [String])] = [
        ("{}", ["1", "{}", #"[null, "a"]"#], ["", "x"]),
        ("true", ["1"], ["x"]),
        (#"{"type": "boolean"}"#, ["true", "false"], ["null", "1"]),
        (#"{"type": ["string", "null"], "maxLength": 2}"#, [#""ab""#, "null"], [#""abc""#, "1"]),
        (
            #"{"type": "integer", "exclusiveMinimum": 3, "maximum": 12}"#, ["4", "12"],
            ["3", "13", "4.5", "-4"]
        ),
        (
            #"{"type": "number", "minimum": 0, "maximum": 1}"#, ["0", "1", "0.25", "1.0"],
            ["1.01", "-0.1", "2"]
        ),
        (
            #"{"enum": ["red", "green", 3, null]}"#, [#""red""#, #""green""#, "3", "null"],
            [#""blue""#, "4", #""re""#]
        ),
        (#"{"const": {"a": [1]}}"#, [#"{"a":[1]}"#], [#"{"a": [1]}"#, "{}"]),
        (#"{"const": null}"#, ["null"], ["0"]),
        (#"{"type": "string", "pattern": "^[a-c]+$"}"#, [#""abc""#], [#""abd""#, #""""#]),
        (#"{"type": "string", "format": "date"}"#, [#""2026-11-30""#], [#""yesterday""#]),
        (#"{"type": "string", "format": "email"}"#, [#""a@b""#, #""x""#], ["1"]),
        (#"{"type": "string", "nullable": true}"#, [#""a""#, "null"], ["1"]),
        (
            person,
            [
                #"{"name": "A", "age": 3}"#, #"{"name":"A","age":3,"mail":null}"#,
                "{\n  \"name\": \"A\",\n  \"age\": 3\n}",
            ],
            [
                #"{"age": 3, "name": "A"}"#, #"{"name": "A"}"#, #"{"name": "A", "age": -1}"#,
                #"{"name": "A", "age": 3, "x": 1}"#, "{}",
            ]
        ),
        (#"{"type": "object"}"#, ["{}", #"{"a": {"b": []}}"#], ["[]"]),
        (
            #"{"properties": {"a": {}, "b": {}, "c": {}}}"#,
            ["{}", #"{"b": 1}"#, #"{"a": 1, "c": 2}"#, #"{"c": 1}"#],
            [#"{"c": 1, "a": 2}"#, #"{, "a": 1}"#, #"{"a": 1 "b": 2}"#, #"{"a": 1,}"#]
        ),
        (
            #"{"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}"#,
            ["{}", #"{"a": "x", "b": 1, "c": 2}"#, #"{"b": 1}"#], [#"{"b": "x"}"#]
        ),
        (
            #"{"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3}"#,
            ["[1]", "[1, 2,3]", "[\n 1\n]"], ["[]", "[1, 2, 3, 4]", "[1,]", #"["a"]"#]
        ),
        (#"{"type": "array", "maxItems": 0}"#, ["[]"], ["[1]"]),
        (
            #"{"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2}"#,
            [#"[1, "a"]"#], ["[1]", #"["a", 1]"#, #"[1, "a", 2]"#]
        ),
        (
            #"{"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "null"}, "minItems": 2}"#,
            ["[1, null]", "[1, null, null]"], ["[1]", "[1, 2]"]
        ),
        (
            tree, [#"{"value": 1, "next": null}"#, #"{"value": 1, "next": {"value": 2, "next": null}}"#],
            [#"{"value": 1}"#, #"{"value": 1, "next": {}}"#]
        ),
        (#"{"allOf": [{"type": "integer"}], "title": "x"}"#, ["1"], ["null"]),
        (
            ##"{"oneOf": [{"type": "integer"}, {"type": "object", "properties": {"a": {"$ref": "#"}}}]}"##,
            ["1", #"{"a": {"a": 3}}"#], [#"{"a": null}"#]
        ),
        (
            ##"{"properties": {"a/b": {"type": "integer"}, "c": {"$ref": "#/properties/a~1b"}}, "required": ["c"]}"##,
            [#"{"c": 1}"#, #"{"a/b": 1, "c": 2}"#], [#"{"c": "x"}"#]
        ),
    ]

    @Test(arguments: schemas)
    func textsAreThoseOfTheSchema(schema: String, good: [String], bad: [String]) throws {
        let reader = try reader(schema)
        for text in good { #expect(reads(text, reader), "\(text)") }
        for text in bad { #expect(!reads(text, reader), "\(text)") }
    }

    @Test(arguments: [
        ("3", "schema: expected a schema (an object), found an integer"),
        ("false", "schema: expected a schema (an object), found a boolean"),
        (#"{"type": 3}"#, "schema.type: expected the name of a type, found an integer"),
        (#"{"not": {}}"#, "schema.not: this keyword is not offered here"),
        (#"{"type": "string", "minimum": 3}"#, "schema.minimum: this keyword is not offered here"),
        (
            #"{"type": "object", "properties": {"a": {"type": "array", "uniqueItems": true}}}"#,
            "schema.properties.a.uniqueItems: this keyword is not offered here"
        ),
        (#"{"anyOf": []}"#, "schema.anyOf: the list is empty"),
        (#"{"anyOf": [{}], "properties": {}}"#, "schema.properties: this keyword is not offered here"),
        (#"{"allOf": [{}, {}]}"#, "schema.allOf: is offered for one schema, found 2"),
        (#"{"enum": []}"#, "schema.enum: expected at least one value"),
        (
            ##"{"$ref": "#/$defs/A"}"##,
            "schema.$ref: \"#/$defs/A\" is not in the schema; expected such as \"#/$defs/Name\""
        ),
        (
            ##"{"$ref": "http://example.org/a"}"##,
            "schema.$ref: \"http://example.org/a\" is not in the schema; expected such as \"#/$defs/Name\""
        ),
        (##"{"$ref": "#"}"##, "schema.$ref: \"#\" leads back to itself"),
        (
            ##"{"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/B"}]}, "B": {"anyOf": [{"$ref": "#/$defs/A"}]}}, "$ref": "#/$defs/A"}"##,
            "schema.$defs/B.anyOf[0].$ref: \"#/$defs/A\" leads back to itself"
        ),
        (#"{"type": "object", "required": ["a"]}"#, "schema.required: \"a\" is not among the properties"),
        (
            #"{"type": "integer", "minimum": 3, "maximum": 2}"#,
            "schema: no number lies between minimum and maximum"
        ),
        (
            #"{"type": "integer", "exclusiveMinimum": 2, "exclusiveMaximum": 3}"#,
            "schema: no number lies between minimum and maximum"
        ),
        (#"{"type": "number", "minimum": "a"}"#, "schema.minimum: expected a number, found a string"),
        (
            #"{"type": "number", "minimum": 1e300}"#,
            "schema.minimum: 1e+300 has too many digits; up to 16 on each side are read"
        ),
        (
            #"{"type": "string", "minLength": 3, "maxLength": 2}"#,
            "schema.maxLength: 2 is less than the least of 3"
        ),
        (
            #"{"type": "string", "pattern": "(?=a)"}"#,
            "schema.pattern: only plain groups are read, at character 2 of \"(?=a)\""
        ),
        (
            #"{"type": "string", "pattern": "a", "maxLength": 2}"#,
            "schema.pattern: does not go with minLength or maxLength"
        ),
        (
            #"{"type": "array", "prefixItems": [{}, {}], "maxItems": 1}"#,
            "schema.prefixItems: 2 items do not go with minItems and maxItems"
        ),
    ])
    func otherSchemasAreRefused(schema: String, message: String) throws {
        let value = try JSONValue(parsing: schema)
        let error = #expect(throws: APIError.self) { try JSONSchema.grammar(of: value, path: "schema") }
        #expect(error?.message == message)
    }

    @Test func largeSchemasAreBounded() throws {
        let long = #""\#(String(repeating: "x", count: 1000))""#
        let names = (0..<200).map { #""p\#($0)": {"const": \#(long)}"# }.joined(separator: ", ")
        let value = try JSONValue(parsing: #"{"properties": {\#(names)}}"#)
        let error = #expect(throws: APIError.self) { try JSONSchema.grammar(of: value, path: "schema") }
        #expect(error?.message == "schema: the schema is too large; at most 100000 parts are read")
        // A bound takes a thousand parts: it is counted before the others are made.
        let many = (0..<20_000).map { #""p\#($0)": {"type": "number", "minimum": \#($0)}"# }.joined(
            separator: ", ")
        let numbers = try JSONValue(parsing: #"{"properties": {\#(many)}}"#)
        let refusal = #expect(throws: APIError.self) { try JSONSchema.grammar(of: numbers, path: "schema") }
        #expect(refusal?.message == error?.message)
        // Many optional members take room in proportion to their number.
        let optional = (0..<500).map { #""p\#($0)": {"type": "integer"}"# }.joined(separator: ", ")
        let reader = try reader(#"{"properties": {\#(optional)}}"#)
        #expect(reads(#"{"p3": 1, "p499": 2}"#, reader) && !reads(#"{"p499": 1, "p3": 2}"#, reader))
    }

    /// Whatever bytes are chosen among those that may come next, the text is JSON of the schema at its end.
    @Test(arguments: [person, tree], 0..<20)
    func everyWayLeadsToAValueOfTheSchema(schema: String, seed: UInt64) throws {
        var reader = try reader(schema)
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var text: [UInt8] = []
        while !(reader.isComplete && reader.nextBytes == ByteSet()), text.count < 20_000 {
            let choices = (UInt8.min...UInt8.max).filter(reader.nextBytes.contains)
            try #require(!choices.isEmpty)
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            // Strings and lists end now and then.
            let ending = choices.filter { [0x22, 0x7D, 0x5D, 0x6E].contains($0) }
            let byte = (state >> 40) % 4 == 0 ? ending.first : nil
            let next = byte ?? choices[Int((state >> 20) % UInt64(choices.count))]
            let isRead = reader.read([next])
            try #require(isRead)
            text.append(next)
        }
        let value = try JSONValue(parsing: String(decoding: text, as: UTF8.self))
        if schema == Self.person {
            #expect(value["name"]?.stringValue != nil && value["age"]?.doubleValue ?? -1 >= 0)
        } else {
            var node: JSONValue? = value
            while let next = node, next != .null {
                #expect(next["value"]?.doubleValue != nil)
                node = next["next"]
            }
            #expect(node == .null)
        }
    }
}

@Suite struct AnswerFormatTests {
    private func grammar(_ more: String) throws -> GrammarReader? {
        let body = #"{"messages": [{"role": "user", "content": "Hello"}], \#(more)}"#
        return try ChatRequest(body: Array(body.utf8)).grammar.map { GrammarReader($0) }
    }

    private func reads(_ text: String, _ start: GrammarReader) -> Bool {
        var reader = start
        return reader.read(text.utf8) && reader.isComplete
    }

    private let tools = """
        "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties":
          {"a": {"type": "integer"}}, "required": ["a"]}}}, {"type": "function", "function": {"name": "now"}}]
        """

    @Test func answersAreFreeUnlessAFormatIsAskedFor() throws {
        for more in [
            #""stream": false"#, #""response_format": {"type": "text"}"#, tools,
            tools + #", "tool_choice": "auto""#,
            tools + #", "tool_choice": "none""#,
        ] {
            #expect(try grammar(more) == nil, "\(more)")
        }
    }

    @Test func objectsAreOfAnyKind() throws {
        let reader = try #require(try grammar(#""response_format": {"type": "json_object"}"#))
        #expect(reads(#"{"a": [1]}"#, reader) && !reads("[1]", reader) && !reads("Sure: {}", reader))
    }

    @Test func forcedCallsAreOfTheTools() throws {
        let reader = try #require(try grammar(tools + #", "tool_choice": "required""#))
        for text in [
            #"{"name": "add", "arguments": {"a": 3}}"#, #"{"name": "now", "arguments": {}}"#,
            "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 3}}\n</tool_call>",
        ] {
            #expect(reads(text, reader), "\(text)")
            let parts = WireAPITests.read(text, by: 5, .plain, offered: ["add", "now"])
            #expect(parts.count == 1 && !parts[0].isText, "\(text)")
        }
        for text in [
            #"{"name": "sub", "arguments": {}}"#, #"{"name": "add", "arguments": {}}"#, "Hello",
            #"{"name": "now", "arguments": {"a": 3}}"#,
        ] {
            #expect(!reads(text, reader), "\(text)")
        }
    }

    @Test func aNamedFunctionIsTheOnlyOne() throws {
        let choice = #", "tool_choice": {"type": "function", "function": {"name": "now"}}"#
        let reader = try #require(try grammar(tools + choice))
        #expect(reads(#"{"name": "now", "arguments": {}}"#, reader))
        #expect(!reads(#"{"name": "add", "arguments": {"a": 3}}"#, reader))
    }

    @Test func aFormatBesideToolsLeavesTheChoice() throws {
        let format =
            #", "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "integer"}}}"#
        let reader = try #require(try grammar(tools + format))
        #expect(reads("12", reader) && !reads("a", reader))
        #expect(reads(#"<tool_call>{"name": "now", "arguments": {}}</tool_call>"#, reader))
    }
}
