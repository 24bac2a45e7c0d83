/// Reads the members of one JSON object, with errors that name the field, what it should be and what it is.
///
/// A member that is `null` counts as absent, as OpenAI's clients send unset options so.
struct FieldReader {
    let object: JSONObject
    /// Path of the object inside the request, such as `messages[2]`; empty for the request itself.
    let path: String

    init(_ object: JSONObject, path: String = "") {
        self.object = object
        self.path = path
    }

    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    func value(_ key: String) -> JSONValue? {
        guard let value = object[key], value != .null else { return nil }
        return value
    }

    func bool(_ key: String) throws(APIError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.boolValue else {
            throw .wrongType(name(key), expected: "true or false", found: value)
        }
        return bool
    }

    func string(_ key: String) throws(APIError) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.stringValue else {
            throw .wrongType(name(key), expected: "a string", found: value)
        }
        return string
    }

    func int(_ key: String, in range: ClosedRange<Int>? = nil) throws(APIError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let int = value.intValue else {
            throw .wrongType(name(key), expected: "an integer", found: value)
        }
        if let range, !range.contains(int) {
            let bounds =
                range.upperBound == .max
                ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            throw APIError(
                code: .outOfRange, param: name(key),
                message: "\(name(key)): \(int) is out of range, expected \(bounds)")
        }
        return int
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.doubleValue else {
            throw .wrongType(name(key), expected: "a number", found: value)
        }
        guard range.contains(number) else {
            let bounds = "\(Self.short(range.lowerBound)) to \(Self.short(range.upperBound))"
            throw APIError(
                code: .outOfRange, param: name(key),
                message: "\(name(key)): \(Self.short(number)) is out of range, expected \(bounds)")
        }
        return number
    }

    func array(_ key: String, atMost limit: Int) throws(APIError) -> [JSONValue]? {
        guard let value = value(key) else { return nil }
        guard case .array(let items) = value else {
            throw .wrongType(name(key), expected: "a list", found: value)
        }
        guard items.count <= limit else {
            throw APIError(
                code: .outOfRange, param: name(key),
                message: "\(name(key)): holds \(items.count) entries, at most \(limit) are read")
        }
        return items
    }

    /// Token ids of a list found at `name`; whether the vocabulary has them, the engine knows.
    func tokens(_ items: [JSONValue], name: String) throws(APIError) -> [Int32] {
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

    func object(_ key: String) throws(APIError) -> JSONObject? {
        guard let value = value(key) else { return nil }
        guard case .object(let object) = value else {
            throw .wrongType(name(key), expected: "an object", found: value)
        }
        return object
    }

    /// Refuses members that are in neither list; `ignored` ones are accepted whatever they hold.
    func refuseUnknown(known: Set<String>, ignored: Set<String> = []) throws(APIError) {
        for key in object.keys where !known.contains(key) && !ignored.contains(key) {
            let near = Suggestion.nearest(to: key, among: known.union(ignored).sorted())
            let hint = near.map { "; did you mean \($0)?" } ?? "; leave it out"
            let shown = name(String(key.prefix(80)))
            throw APIError(code: .unknownField, param: shown, message: "\(shown): no such field\(hint)")
        }
    }

    /// `2` for 2.0, for people.
    private static func short(_ number: Double) -> String {
        Int(exactly: number).map(String.init) ?? String(number)
    }
}

extension JSONObject {
    /// The request object in `body`.
    package init(requestBody body: [UInt8]) throws(APIError) {
        guard !body.isEmpty else {
            throw APIError(code: .malformedJSON, message: "the body is empty; send a JSON object")
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: body)
        } catch {
            throw APIError(code: .malformedJSON, message: "the body is not JSON: \(error)")
        }
        guard case .object(let object) = value else {
            throw APIError(code: .wrongType, message: "the body: expected a JSON object, found \(value.kind)")
        }
        self = object
    }
}
