/// Grammars of JSON (RFC 8259), bounded where a model could go on for ever: blanks, digits, depth.
package enum JSONGrammar {
    /// The rules with which those of a grammar begin that holds expressions of this kind.
    package static var rules: [GrammarExpression] {
        [.choice([anyObject, anyArray, string(), number, boolean, null]), anyCharacter, anySpace]
    }

    /// Any value.
    package static var anyValue: GrammarExpression { .rule(0) }
    /// A character of a string: itself in UTF-8, or an escape.
    static var character: GrammarExpression { .rule(1) }
    /// Between the parts of a value: nothing, a blank, or a new line with its indent.
    package static var space: GrammarExpression { .rule(2) }

    private static var anySpace: GrammarExpression {
        let indent = GrammarExpression.repeated(
            .choice([.text(" "), .text("\t")]), atLeast: 0, atMost: maximumIndent)
        return .choice([.empty, .text(" "), .sequence([.text("\n"), indent])])
    }

    private static let maximumIndent = 32
    static let maximumDigits = 16

    package static var boolean: GrammarExpression { .oneOf([Array("true".utf8), Array("false".utf8)]) }
    package static var null: GrammarExpression { .text("null") }

    package static var integer: GrammarExpression { .sequence([.optional(.text("-")), natural]) }

    package static var number: GrammarExpression {
        let sign = GrammarExpression.optional(.choice([.text("+"), .text("-")]))
        let mark = GrammarExpression.choice([.text("e"), .text("E")])
        return .sequence([integer, .optional(fraction), .optional(.sequence([mark, sign, digits(1...3)]))])
    }

    /// A string of so many characters.
    package static func string(atLeast least: Int = 0, atMost most: Int? = nil) -> GrammarExpression {
        .sequence([.text("\""), .repeated(character, atLeast: least, atMost: most), .text("\"")])
    }

    /// `items` in brackets.
    ///
    /// - Parameter mayBeEmpty: whether the array may have none.
    package static func array(_ items: GrammarExpression, mayBeEmpty: Bool) -> GrammarExpression {
        enclosed(items, "[", "]", mayBeEmpty)
    }

    /// `members` in braces.
    ///
    /// - Parameter mayBeEmpty: whether the object may have none.
    package static func object(_ members: GrammarExpression, mayBeEmpty: Bool) -> GrammarExpression {
        enclosed(members, "{", "}", mayBeEmpty)
    }

    private static func enclosed(
        _ parts: GrammarExpression, _ opening: String, _ closing: String, _ mayBeEmpty: Bool
    ) -> GrammarExpression {
        let filled = GrammarExpression.sequence([space, parts, space])
        return .sequence([.text(opening), mayBeEmpty ? .optional(filled) : filled, .text(closing)])
    }

    package static func member(_ key: GrammarExpression, _ value: GrammarExpression) -> GrammarExpression {
        .sequence([key, .text(":"), space, value])
    }

    /// What stands between two elements or members.
    package static var comma: GrammarExpression { .sequence([.text(","), space]) }

    /// So many of `element`, at least one, with commas between.
    package static func list(
        _ element: GrammarExpression, atLeast least: Int = 1, atMost most: Int? = nil
    ) -> GrammarExpression {
        let rest = GrammarExpression.sequence([comma, element])
        return .sequence([
            element, .repeated(rest, atLeast: max(least - 1, 0), atMost: most.map { max($0 - 1, 0) }),
        ])
    }

    private static var anyObject: GrammarExpression {
        object(list(member(string(), anyValue)), mayBeEmpty: true)
    }

    private static var anyArray: GrammarExpression { array(list(anyValue), mayBeEmpty: true) }

    static var natural: GrammarExpression {
        .choice([
            .text("0"), .sequence([.byte(ByteSet(0x31...0x39)), digits(0...maximumDigits - 1)]),
        ])
    }

    static var fraction: GrammarExpression { .sequence([.text("."), digits(1...maximumDigits)]) }

    static func digits(_ count: ClosedRange<Int>) -> GrammarExpression {
        .repeated(.byte(ByteSet(0x30...0x39)), atLeast: count.lowerBound, atMost: count.upperBound)
    }

    /// Four digits that name a character, or half of a pair with the escape of the other half behind it.
    private static var hexadecimal: GrammarExpression {
        let any = GrammarExpression.byte(ByteSet(0x30...0x39, 0x41...0x46, 0x61...0x66))
        let d = GrammarExpression.byte(ByteSet(0x44...0x44, 0x64...0x64))
        let lowHalf = GrammarExpression.byte(ByteSet(0x43...0x46, 0x63...0x66))
        let highHalf = GrammarExpression.byte(ByteSet(0x38...0x39, 0x41...0x42, 0x61...0x62))
        return .choice([
            .sequence([
                .byte(ByteSet(0x30...0x39, 0x41...0x43, 0x45...0x46, 0x61...0x63, 0x65...0x66)), any, any,
                any,
            ]),
            .sequence([d, .byte(ByteSet(0x30...0x37)), any, any]),
            .sequence([d, highHalf, any, any, .text("\\u"), d, lowHalf, any, any]),
        ])
    }

    private static var anyCharacter: GrammarExpression {
        var plain = ByteSet(0x20...0x7F)
        plain.remove(UInt8(ascii: "\""))
        plain.remove(UInt8(ascii: "\\"))
        var escaped = ByteSet()
        for byte in #""\/bfnrt"#.utf8 { escaped.insert(byte) }
        let escape = GrammarExpression.sequence([
            .text("\\"), .choice([.byte(escaped), .sequence([.text("u"), hexadecimal])]),
        ])
        return .choice([.byte(plain), escape] + longCharacters)
    }

    /// The characters that take two to four bytes (Unicode 16, section 3.9, table 3-7).
    static var longCharacters: [GrammarExpression] {
        let more = ByteSet(0x80...0xBF)
        return [
            [ByteSet(0xC2...0xDF), more],
            [ByteSet(0xE0), ByteSet(0xA0...0xBF), more],
            [ByteSet(0xE1...0xEC, 0xEE...0xEF), more, more],
            [ByteSet(0xED), ByteSet(0x80...0x9F), more],
            [ByteSet(0xF0), ByteSet(0x90...0xBF), more, more],
            [ByteSet(0xF1...0xF3), more, more, more],
            [ByteSet(0xF4), ByteSet(0x80...0x8F), more, more],
        ].map { .sequence($0.map { .byte($0) }) }
    }
}

// Formats of strings that JSON schemas name.
extension JSONGrammar {
    /// The characters of a string in a format of RFC 3339 or RFC 9562; `nil` for other formats.
    package static func format(_ name: String) -> GrammarExpression? {
        func number(_ texts: ClosedRange<Int>) -> GrammarExpression {
            .oneOf(texts.map { Array(($0 < 10 ? "0\($0)" : "\($0)").utf8) })
        }
        func digits(_ count: Int) -> GrammarExpression { Self.digits(count...count) }
        let date = GrammarExpression.sequence([
            digits(4), .text("-"), number(1...12), .text("-"), number(1...31),
        ])
        let clock = GrammarExpression.sequence([number(0...23), .text(":"), number(0...59)])
        let zone = GrammarExpression.choice([
            .text("Z"), .sequence([.choice([.text("+"), .text("-")]), clock]),
        ])
        let time = GrammarExpression.sequence([
            clock, .text(":"), number(0...59), .optional(.sequence([.text("."), Self.digits(1...9)])), zone,
        ])
        switch name {
        case "date": return date
        case "time": return time
        case "date-time": return .sequence([date, .text("T"), time])
        case "uuid":
            let hex = GrammarExpression.byte(ByteSet(0x30...0x39, 0x61...0x66))
            let parts = [8, 4, 4, 4, 12].map { GrammarExpression.repeated(hex, atLeast: $0, atMost: $0) }
            return .sequence(Array(parts.map { [$0] }.joined(separator: [.text("-")])))
        default: return nil
        }
    }
}
