/// Where and why a text is not JSON.
package struct JSONSyntaxError: Error, Equatable, CustomStringConvertible {
    /// Counted from 1; the column counts bytes.
    package var line: Int
    package var column: Int
    package var problem: String

    package var description: String { "line \(line), column \(column): \(problem)" }
}

extension JSONValue {
    /// The deepest nesting of lists and objects that is read; deeper text is an error, not a full stack.
    package static let maximumDepth = 128

    /// Reads one JSON text (RFC 8259) from UTF-8 bytes, with nothing but white space around it.
    ///
    /// Own code instead of a Codable decoder because requests need member order, positions in errors and a
    /// nesting limit. A lone `\u` surrogate becomes U+FFFD.
    package init(parsing bytes: [UInt8]) throws(JSONSyntaxError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.parseDocument()
    }

    package init(parsing text: String) throws(JSONSyntaxError) {
        try self.init(parsing: Array(text.utf8))
    }
}

/// A recursive-descent reader; one byte of lookahead.
private struct JSONParser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func parseDocument() throws(JSONSyntaxError) -> JSONValue {
        if let offset = firstIllFormedByte() {
            throw error("byte \(hex(bytes[offset])) is not UTF-8", at: offset)
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        skipSpace()
        guard position < bytes.count else { throw error("the text is empty, expected a JSON value") }
        let value = try parseValue(depth: 0)
        skipSpace()
        guard position == bytes.count else {
            throw error("found \(found()) after the end of the JSON value")
        }
        return value
    }

    private mutating func parseValue(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        guard let byte = peek() else { throw error("expected a JSON value, found the end of the text") }
        switch byte {
        case UInt8(ascii: "{"): return try parseObject(depth: depth + 1)
        case UInt8(ascii: "["): return try parseArray(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        default: throw error("expected a JSON value, found \(found())")
        }
    }

    private mutating func parseObject(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        try enter(depth)
        var object = JSONObject()
        if accept(UInt8(ascii: "}")) { return .object(object) }
        repeat {
            skipSpace()
            guard peek() == UInt8(ascii: "\"") else {
                throw error("expected a member name in quotes, found \(found())")
            }
            let key = try parseString()
            guard accept(UInt8(ascii: ":")) else {
                throw error("expected ':' after \"\(key.prefix(40))\", found \(found())")
            }
            skipSpace()
            object[key] = try parseValue(depth: depth)
        } while accept(UInt8(ascii: ","))
        guard accept(UInt8(ascii: "}")) else { throw error("expected ',' or '}', found \(found())") }
        return .object(object)
    }

    private mutating func parseArray(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        try enter(depth)
        var items: [JSONValue] = []
        if accept(UInt8(ascii: "]")) { return .array(items) }
        repeat {
            skipSpace()
            items.append(try parseValue(depth: depth))
        } while accept(UInt8(ascii: ","))
        guard accept(UInt8(ascii: "]")) else { throw error("expected ',' or ']', found \(found())") }
        return .array(items)
    }

    private mutating func enter(_ depth: Int) throws(JSONSyntaxError) {
        guard depth <= JSONValue.maximumDepth else {
            throw error("lists and objects are nested more than \(JSONValue.maximumDepth) deep")
        }
        position += 1
    }

    private mutating func parseWord(_ word: String, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
        guard bytes[position...].starts(with: word.utf8) else {
            throw error("expected \(word)")
        }
        position += word.utf8.count
        return value
    }

    private mutating func parseNumber() throws(JSONSyntaxError) -> JSONValue {
        let start = position
        if peek() == UInt8(ascii: "-") { position += 1 }
        let leadsWithZero = peek() == UInt8(ascii: "0")
        let whole = try skipDigits()
        if leadsWithZero && whole > 1 { throw error("a number does not begin with 0", at: start) }
        var isInteger = true
        if peek() == UInt8(ascii: ".") {
            (position, isInteger) = (position + 1, false)
            _ = try skipDigits()
        }
        if let byte = peek(), byte | 0x20 == UInt8(ascii: "e") {
            (position, isInteger) = (position + 1, false)
            if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            _ = try skipDigits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int(text) { return .int(value) }
        guard let value = Double(text), value.isFinite else {
            throw error("the number \(text.prefix(40)) is too large", at: start)
        }
        return .double(value)
    }

    /// Steps over digits, at least one, and returns their count.
    private mutating func skipDigits() throws(JSONSyntaxError) -> Int {
        let start = position
        while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw error("expected a digit, found \(found())") }
        return position - start
    }

    private mutating func parseString() throws(JSONSyntaxError) -> String {
        let opening = position
        position += 1
        var text: [UInt8] = []
        var start = position
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                text += bytes[start..<position]
                position += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text += bytes[start..<position]
                text += try parseEscape()
                start = position
            case 0..<0x20:
                throw error(
                    "a control character (\(hex(byte))) in a string; "
                        + "write it as \\u00\(hex(byte).dropFirst(2))"
                )
            default:
                position += 1
            }
        }
        throw error("the string has no closing quote", at: opening)
    }

    /// Reads what follows a backslash and returns its UTF-8.
    private mutating func parseEscape() throws(JSONSyntaxError) -> [UInt8] {
        position += 1
        guard let byte = peek() else { throw error("the text ends in the middle of an escape") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try parseUnicodeEscape()
        default: throw error("\\\(found(at: position - 1)) is no escape of JSON", at: position - 2)
        }
    }

    private mutating func parseUnicodeEscape() throws(JSONSyntaxError) -> [UInt8] {
        let high = try parseFourHexDigits()
        var code = high
        if (0xD800..<0xDC00).contains(high), bytes[position...].starts(with: [0x5C, 0x75]) {
            let pairStart = position
            position += 2
            let low = try parseFourHexDigits()
            if (0xDC00..<0xE000).contains(low) {
                code = 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
            } else {
                position = pairStart
            }
        }
        return Array(String(Unicode.Scalar(code) ?? "\u{FFFD}").utf8)
    }

    private mutating func parseFourHexDigits() throws(JSONSyntaxError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("expected four hexadecimal digits after \\u, found \(found())")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}

// The cursor and the words for errors.
extension JSONParser {
    private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    /// Skips white space and, when it comes next, `byte`.
    private mutating func accept(_ byte: UInt8) -> Bool {
        skipSpace()
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private func firstIllFormedByte() -> Int? {
        if String(validating: bytes, as: UTF8.self) != nil { return nil }
        var (decoder, iterator, offset) = (UTF8.ForwardParser(), bytes.makeIterator(), 0)
        while case .valid(let scalar) = decoder.parseScalar(from: &iterator) { offset += scalar.count }
        return min(offset, bytes.count - 1)
    }

    private func found(at index: Int? = nil) -> String {
        let index = index ?? position
        guard index < bytes.count else { return "the end of the text" }
        let byte = bytes[index]
        return (0x21..<0x7F).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(hex(byte))"
    }

    private func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "0x" + (digits.count == 1 ? "0" : "") + digits
    }

    private func error(_ problem: String, at index: Int? = nil) -> JSONSyntaxError {
        let before = bytes[..<min(index ?? position, bytes.count)]
        let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let line = before.count { $0 == 0x0A } + 1
        return JSONSyntaxError(line: line, column: before.count - lineStart + 1, problem: problem)
    }
}
