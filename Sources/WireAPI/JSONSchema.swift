package import Grammar

/// Turns a JSON schema into the grammar of the texts that it allows.
///
/// Offered is what OpenAI's structured outputs and the schemas of common libraries are made of (draft 2020-12 and older
/// names): a keyword that would restrict values otherwise is refused, one that only describes them is passed over. Members
/// of an object come in the order of `properties`.
package struct JSONSchema {
    /// Where the schema stands in the request, for errors.
    private let path: String
    private let root: JSONValue
    private var rules: [GrammarExpression] = []
    /// Instructions of strings, numbers and constants so far: a few bytes of schema may take a thousand.
    private var size = 0
    /// The rules of what `$ref` names.
    private var references: [String: Int] = [:]
    /// References that are being followed and have not read a byte since.
    private var pending: Set<String> = []
    private var depth = 0

    /// The grammar of a schema.
    ///
    /// - Parameters:
    ///   - schema: of the value that is the whole text.
    ///   - path: the field of the request that holds it.
    package static func grammar(of schema: JSONValue, path: String) throws(APIError) -> Grammar {
        try grammar([(schema, path)]) { $0[0] }
    }

    /// A grammar that holds the values of several schemas.
    static func grammar(
        _ schemas: [(schema: JSONValue, path: String)],
        _ whole: ([GrammarExpression]) -> GrammarExpression
    ) throws(APIError) -> Grammar {
        var rules = JSONGrammar.rules
        var size = 0
        var values: [GrammarExpression] = []
        for (schema, path) in schemas {
            var reader = JSONSchema(path: path, root: schema, rules: rules, size: size)
            values.append(try reader.expression(schema, path))
            (rules, size) = (reader.rules, reader.size)
        }
        do { return try Grammar(whole(values), rules: rules) } catch { throw tooLarge(schemas[0].path) }
    }

    private init(path: String, root: JSONValue, rules: [GrammarExpression], size: Int) {
        self.path = path
        self.root = root
        self.rules = rules
        self.size = size
    }

    private static func tooLarge(_ path: String) -> APIError {
        refusal(path, "the schema is too large; at most \(Grammar.maximumSize) parts are read")
    }

    /// Counts a value that holds no others.
    private mutating func counted(_ value: GrammarExpression) throws(APIError) -> GrammarExpression {
        size += value.size
        guard size <= Grammar.maximumSize else { throw Self.tooLarge(path) }
        return value
    }

    static func refusal(_ path: String, _ reason: String) -> APIError {
        APIError(code: .unsupported, param: path, message: "\(path): \(reason)")
    }

    /// What only describes.
    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly",
        "$schema",
        "$id", "id", "$comment", "$anchor", "$defs", "definitions", "strict", "discriminator", "nullable",
        "contentEncoding", "contentMediaType",
    ]

    private mutating func expression(_ schema: JSONValue, _ path: String) throws(APIError)
        -> GrammarExpression
    {
        guard case .object(let object) = schema else {
            if schema == .bool(true) { return JSONGrammar.anyValue }
            throw .wrongType(path, expected: "a schema (an object)", found: schema)
        }
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else {
            throw Self.refusal(path, "schemas are nested more than \(Self.maximumDepth) deep")
        }
        let keywords = FieldReader(object, path: path)
        let value = try value(keywords)
        return try keywords.bool("nullable") == true ? .choice([value, JSONGrammar.null]) : value
    }

    private static let maximumDepth = 128

    private mutating func value(_ keywords: FieldReader) throws(APIError) -> GrammarExpression {
        if let reference = try keywords.string("$ref") {
            try refuseOthers(keywords, than: ["$ref"])
            return try follow(reference, keywords.name("$ref"))
        }
        for key in ["const", "enum"] where keywords.object[key] != nil {
            try refuseOthers(keywords, than: [key, "type"])
            return try counted(try constants(keywords, key))
        }
        for key in ["anyOf", "oneOf", "allOf"] where keywords.value(key) != nil {
            // What stands beside says the same of each once more in schemas that libraries write.
            try refuseOthers(keywords, than: [key, "type"])
            return try combination(keywords, key)
        }
        switch keywords.value("type") {
        case .array(let types):
            var values: [GrammarExpression] = []
            for type in types {
                guard let name = type.stringValue else {
                    throw .wrongType(keywords.name("type"), expected: "names of types", found: type)
                }
                values.append(try value(ofType: name, keywords, isOneOfSeveral: true))
            }
            guard !values.isEmpty else { throw Self.refusal(keywords.name("type"), "the list is empty") }
            return .choice(values)
        case .string(let type): return try value(ofType: type, keywords)
        case .some(let other):
            throw .wrongType(keywords.name("type"), expected: "the name of a type", found: other)
        case nil:
            for (key, type) in [
                ("properties", "object"), ("additionalProperties", "object"), ("items", "array"),
                ("prefixItems", "array"),
            ] where keywords.value(key) != nil {
                return try value(ofType: type, keywords)
            }
            try refuseOthers(keywords, than: [])
            return JSONGrammar.anyValue
        }
    }

    private func refuseOthers(_ keywords: FieldReader, than known: Set<String>) throws(APIError) {
        for key in keywords.object.keys where !known.contains(key) && !Self.annotations.contains(key) {
            throw Self.refusal(keywords.name(key), "this keyword is not offered here")
        }
    }

    private mutating func follow(_ reference: String, _ name: String) throws(APIError) -> GrammarExpression {
        if pending.contains(reference) {
            throw Self.refusal(name, "\"\(reference.prefix(80))\" leads back to itself")
        }
        if let rule = references[reference] { return .rule(rule) }
        guard let target = target(of: reference) else {
            throw Self.refusal(
                name, "\"\(reference.prefix(80))\" is not in the schema; expected such as \"#/$defs/Name\"")
        }
        let rule = rules.count
        rules.append(.empty)
        references[reference] = rule
        pending.insert(reference)
        rules[rule] = try expression(target, reference == "#" ? path : "\(path).\(reference.dropFirst(2))")
        pending.remove(reference)
        return .rule(rule)
    }

    /// What a JSON pointer (RFC 6901) behind `#` names.
    private func target(of reference: String) -> JSONValue? {
        guard reference.hasPrefix("#") else { return nil }
        var value = root
        for part in reference.dropFirst().split(separator: "/") {
            let key = part.replacing("~1", with: "/").replacing("~0", with: "~")
            guard let next = Int(key).flatMap({ value[$0] }) ?? value[String(key)] else { return nil }
            value = next
        }
        return value
    }

    private func constants(_ keywords: FieldReader, _ key: String) throws(APIError) -> GrammarExpression {
        if key == "const" { return .literal(keywords.object[key]?.utf8 ?? []) }
        guard let values = try keywords.array(key, atMost: Self.maximumConstants), !values.isEmpty else {
            throw Self.refusal(keywords.name(key), "expected at least one value")
        }
        return .oneOf(values.map(\.utf8))
    }

    private static let maximumConstants = 4096

    private mutating func combination(
        _ keywords: FieldReader, _ key: String
    ) throws(APIError) -> GrammarExpression {
        let parts = try keywords.array(key, atMost: Self.maximumBranches) ?? []
        guard !parts.isEmpty else { throw Self.refusal(keywords.name(key), "the list is empty") }
        guard key != "allOf" || parts.count == 1 else {
            throw Self.refusal(keywords.name(key), "is offered for one schema, found \(parts.count)")
        }
        var choices: [GrammarExpression] = []
        for (index, part) in parts.enumerated() {
            choices.append(try expression(part, keywords.name("\(key)[\(index)]")))
        }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    private static let maximumBranches = 256

    /// - Parameter isOneOfSeveral: whether keywords of other types may stand beside.
    private mutating func value(
        ofType type: String, _ keywords: FieldReader, isOneOfSeveral: Bool = false
    ) throws(APIError) -> GrammarExpression {
        guard let own = Self.keywords[type] else {
            throw Self.refusal(
                keywords.name("type"),
                "\"\(type.prefix(40))\" is no type; known are \(Self.keywords.keys.sorted().joined(separator: ", "))"
            )
        }
        let known = isOneOfSeveral ? Self.keywords.values.reduce([]) { $0.union($1) } : own
        try refuseOthers(keywords, than: known.union(["type"]))
        switch type {
        case "object": return try object(keywords)
        case "array": return try array(keywords)
        case "string": return try counted(try string(keywords))
        case "integer", "number": return try counted(try number(keywords, isInteger: type == "integer"))
        case "boolean": return JSONGrammar.boolean
        default: return JSONGrammar.null
        }
    }

    private static let keywords: [String: Set<String>] = [
        "object": ["properties", "required", "additionalProperties", "propertyOrdering"],
        "array": ["items", "prefixItems", "minItems", "maxItems"],
        "string": ["minLength", "maxLength", "format", "pattern"],
        "integer": ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format"],
        "number": ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format"],
        "boolean": [], "null": [],
    ]

    /// The schema of a part of the value, which begins with a byte of its own: a reference to itself may stand in it.
    private mutating func part(_ schema: JSONValue, _ path: String) throws(APIError) -> GrammarExpression {
        let before = pending
        pending = []
        let part = try expression(schema, path)
        pending = before
        return part
    }
}

// Objects and arrays.
extension JSONSchema {
    private mutating func object(_ keywords: FieldReader) throws(APIError) -> GrammarExpression {
        let properties = try keywords.object("properties") ?? [:]
        let required = try requiredNames(keywords, among: properties)
        let more = try additionalMember(keywords, properties)
        // What may follow a member, from the last property to the first: each is a rule, so that a schema with many
        // optional ones does not grow with the square of their number.
        var tail: GrammarExpression = .empty
        if let more { tail = .repeated(.sequence([JSONGrammar.comma, more]), atLeast: 0, atMost: nil) }
        // The ways to begin: with the first required property or an optional one before it.
        var starts: [GrammarExpression] = more.map { [.sequence([$0, tail])] } ?? []
        var mayBeEmpty = true
        for (name, schema) in properties.reversed() {
            let path = "\(keywords.name("properties")).\(name.prefix(80))"
            let key = GrammarExpression.literal(JSONValue.string(name).utf8)
            let member = rule(JSONGrammar.member(key, try part(schema, path)))
            let isRequired = required.contains(name)
            if isRequired {
                (starts, mayBeEmpty) = ([], false)
            }
            starts.append(.sequence([member, tail]))
            let following = GrammarExpression.sequence([JSONGrammar.comma, member])
            tail = rule(.sequence([isRequired ? following : .optional(following), tail]))
        }
        return JSONGrammar.object(.choice(starts), mayBeEmpty: mayBeEmpty)
    }

    private mutating func rule(_ expression: GrammarExpression) -> GrammarExpression {
        rules.append(expression)
        return .rule(rules.count - 1)
    }

    private func requiredNames(
        _ keywords: FieldReader, among properties: JSONObject
    ) throws(APIError) -> Set<String> {
        var names: Set<String> = []
        for item in try keywords.array("required", atMost: Self.maximumConstants) ?? [] {
            guard let name = item.stringValue else {
                throw .wrongType(keywords.name("required"), expected: "names of properties", found: item)
            }
            guard properties[name] != nil else {
                throw Self.refusal(
                    keywords.name("required"), "\"\(name.prefix(80))\" is not among the properties")
            }
            names.insert(name)
        }
        return names
    }

    /// A member that `properties` does not name; `nil` where there may be none. Who lists properties and says nothing of
    /// others wants these, as in OpenAI's strict schemas.
    private mutating func additionalMember(
        _ keywords: FieldReader, _ properties: JSONObject
    ) throws(APIError) -> GrammarExpression? {
        let value: GrammarExpression
        switch keywords.object["additionalProperties"] {
        case nil: if properties.count > 0 { return nil } else { value = JSONGrammar.anyValue }
        case .bool(false): return nil
        case .bool(true): value = JSONGrammar.anyValue
        case .some(let schema): value = try part(schema, keywords.name("additionalProperties"))
        }
        return rule(JSONGrammar.member(JSONGrammar.string(), value))
    }

    private mutating func array(_ keywords: FieldReader) throws(APIError) -> GrammarExpression {
        let least = try keywords.int("minItems", in: 0...Self.maximumCount) ?? 0
        let most = try keywords.int("maxItems", in: 0...Self.maximumCount)
        try refuseEmptyRange(least, most, keywords.name("maxItems"))
        let first = try keywords.array("prefixItems", atMost: Self.maximumBranches) ?? []
        let other: GrammarExpression? =
            switch keywords.object["items"] {
            case nil: first.isEmpty ? JSONGrammar.anyValue : nil
            case .bool(false): nil
            case .some(let schema): try part(schema, keywords.name("items"))
            }
        guard !first.isEmpty else {
            guard let other, most != 0 else { return .text("[]") }
            return JSONGrammar.array(
                JSONGrammar.list(rule(other), atLeast: least, atMost: most), mayBeEmpty: least == 0)
        }
        // A tuple: all its places are filled.
        var items: [GrammarExpression] = []
        for (index, schema) in first.enumerated() {
            if index > 0 { items.append(JSONGrammar.comma) }
            items.append(try part(schema, keywords.name("prefixItems[\(index)]")))
        }
        guard most ?? .max >= first.count, other != nil || least <= first.count else {
            throw Self.refusal(
                keywords.name("prefixItems"), "\(first.count) items do not go with minItems and maxItems")
        }
        if let other {
            items.append(
                .repeated(
                    .sequence([JSONGrammar.comma, other]), atLeast: max(least - first.count, 0),
                    atMost: most.map { $0 - first.count }))
        }
        return JSONGrammar.array(.sequence(items), mayBeEmpty: false)
    }

    func refuseEmptyRange(_ least: Int, _ most: Int?, _ name: String) throws(APIError) {
        guard let most, most < least else { return }
        throw Self.refusal(name, "\(most) is less than the least of \(least)")
    }

    static let maximumCount = 1_000_000
}
