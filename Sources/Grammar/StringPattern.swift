/// Turns a regular expression into the grammar of the JSON strings whose text it is found in, as `pattern` of a JSON schema
/// has it.
///
/// Read is what ECMA-262 and other dialects have in common: characters, `.`, classes, `\d \w \s` and their opposites,
/// groups, `|`, `* + ? {n,m}`, and `^` and `$` at the ends of the whole. References, looking around and `\b` are refused.
package struct StringPattern {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    /// The characters between the quotes.
    package static func expression(_ pattern: String) throws(PatternError) -> GrammarExpression {
        guard pattern.utf8.count <= maximumLength else {
            throw PatternError(position: 0, problem: "more than \(maximumLength) bytes are not read")
        }
        var parser = StringPattern(pattern)
        let whole = try parser.alternatives(areWhole: true)
        guard parser.next == nil else { throw parser.error("a ')' without '('") }
        return whole
    }

    private init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    private func error(_ problem: String) -> PatternError {
        PatternError(position: position, problem: problem)
    }

    /// - Parameter areWhole: whether text that the pattern does not speak of may stand around them.
    private mutating func alternatives(areWhole: Bool) throws(PatternError) -> GrammarExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else {
            throw error("groups are nested more than \(Self.maximumDepth) deep")
        }
        let anything = GrammarExpression.repeated(JSONGrammar.character, atLeast: 0, atMost: nil)
        var choices: [GrammarExpression] = []
        repeat {
            var parts: [GrammarExpression] = []
            if areWhole, !take("^") { parts.append(anything) }
            var isAtEnd = false
            while let scalar = next, scalar != "|", scalar != ")" {
                if areWhole, scalar == "$" {
                    position += 1
                    isAtEnd = true
                    guard next == nil || next == "|" else { throw error("'$' is read at the end only") }
                    break
                }
                parts.append(try quantified())
            }
            if areWhole, !isAtEnd { parts.append(anything) }
            choices.append(.sequence(parts))
        } while take("|")
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    private static let maximumLength = 4096
    private static let maximumDepth = 64

    private mutating func quantified() throws(PatternError) -> GrammarExpression {
        let part = try atom()
        let (least, most): (Int, Int?)
        switch next {
        case "*": (least, most) = (0, nil)
        case "+": (least, most) = (1, nil)
        case "?": (least, most) = (0, 1)
        case "{":
            guard let counts = try counts() else { return part }
            (least, most) = counts
        default: return part
        }
        position += 1
        // A lazy quantifier allows the same texts.
        _ = take("?")
        return .repeated(part, atLeast: least, atMost: most)
    }

    /// The counts in braces, up to the closing one; `nil` where the brace is a character.
    private mutating func counts() throws(PatternError) -> (Int, Int?)? {
        let rest = scalars[(position + 1)...]
        guard let end = rest.firstIndex(of: "}") else { return nil }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: rest[..<end])
        let parts = String(text).split(separator: ",", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let least = Int(parts[0]) else { return nil }
        let most: Int? = parts.count == 1 ? least : parts[1].isEmpty ? nil : Int(parts[1])
        guard parts.count == 1 || parts[1].isEmpty || most != nil else { return nil }
        guard (0...Self.maximumCount).contains(least),
            (least...max(least, Self.maximumCount)).contains(most ?? least)
        else { throw error("counts go from 0 to \(Self.maximumCount)") }
        position = end
        return (least, most)
    }

    private static let maximumCount = 100_000

    private mutating func atom() throws(PatternError) -> GrammarExpression {
        guard let scalar = next else { throw error("the pattern ends too early") }
        position += 1
        switch scalar {
        case "(":
            if take("?") {
                // A name changes nothing: `(?<name>`, `(?P<name>`.
                let isNamed = take("P") || next == "<"
                guard isNamed ? takeName() : take(":") else { throw error("only plain groups are read") }
            }
            let group = try alternatives(areWhole: false)
            guard take(")") else { throw error("a '(' without ')'") }
            return group
        case "[": return try set().expression
        case ".":
            var all = CharacterSet.all
            all.remove("\n")
            all.remove("\r")
            return all.expression
        case "\\": return try escaped().expression
        case "*", "+", "?": throw error("nothing stands before '\(scalar)'")
        case "^", "$": throw error("'\(scalar)' is read at the ends of the whole only")
        default: return CharacterSet(scalar).expression
        }
    }

    private mutating func takeName() -> Bool {
        guard take("<"), next != "=", next != "!" else { return false }
        while let scalar = next, scalar != ">" {
            guard scalar == "_" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) else {
                return false
            }
            position += 1
        }
        return take(">")
    }

    /// What stands behind a backslash.
    private mutating func escaped() throws(PatternError) -> CharacterSet {
        guard let scalar = next else { throw error("the pattern ends with a backslash") }
        position += 1
        switch scalar {
        case "d": return .digits
        case "D": return CharacterSet.digits.inverted
        case "w": return .wordCharacters
        case "W": return CharacterSet.wordCharacters.inverted
        case "s": return .blanks
        case "S": return CharacterSet.blanks.inverted
        case "n": return CharacterSet("\n")
        case "r": return CharacterSet("\r")
        case "t": return CharacterSet("\t")
        case "f": return CharacterSet("\u{0C}")
        case _ where scalar.isASCII && scalar.properties.isAlphabetic, "0"..."9":
            throw error("'\\\(scalar)' is not read here")
        default: return CharacterSet(scalar)
        }
    }

    /// A class, behind its bracket.
    private mutating func set() throws(PatternError) -> CharacterSet {
        let isInverted = take("^")
        var set = CharacterSet()
        var isFirst = true
        while let scalar = next, scalar != "]" || isFirst {
            isFirst = false
            let low = try member()
            guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                set.formUnion(low)
                continue
            }
            position += 1
            let high = try member()
            guard let first = low.only, let last = high.only, first <= last else {
                throw error("a range needs two characters in rising order")
            }
            guard last.isASCII || last.value - first.value < CharacterSet.maximumOthers else {
                throw error("a range beyond ASCII holds more than \(CharacterSet.maximumOthers) characters")
            }
            for value in first.value...last.value { Unicode.Scalar(value).map { set.insert($0) } }
        }
        guard take("]") else { throw error("a '[' without ']'") }
        guard isInverted else { return set }
        guard set.others.isEmpty else { throw error("'[^' is read with ASCII characters only") }
        return set.inverted
    }

    private mutating func member() throws(PatternError) -> CharacterSet {
        guard let scalar = next else { throw error("a '[' without ']'") }
        position += 1
        if scalar == "\\" { return take("b") ? CharacterSet("\u{08}") : try escaped() }
        return CharacterSet(scalar)
    }
}

/// What is wrong with a regular expression, and where.
package struct PatternError: Error, Sendable, Equatable {
    /// In characters from the beginning.
    package var position: Int
    package var problem: String
}

/// A set of characters of which a pattern allows one.
private struct CharacterSet {
    private var ascii = ByteSet()
    /// Whether all characters beyond ASCII belong to it.
    private var hasOthers = false
    /// Single ones of these.
    private(set) var others: [Unicode.Scalar] = []

    static let maximumOthers = 1024
    static let digits = CharacterSet(ByteSet(0x30...0x39))
    static let wordCharacters = CharacterSet(ByteSet(0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A))
    static let blanks = CharacterSet(ByteSet(0x09...0x0D, 0x20...0x20))
    static let all = CharacterSet().inverted

    init() {}
    init(_ ascii: ByteSet) { self.ascii = ascii }
    init(_ scalar: Unicode.Scalar) { insert(scalar) }

    mutating func insert(_ scalar: Unicode.Scalar) {
        if scalar.isASCII { ascii.insert(UInt8(scalar.value)) } else { others.append(scalar) }
    }

    mutating func remove(_ scalar: Unicode.Scalar) { ascii.remove(UInt8(truncatingIfNeeded: scalar.value)) }

    mutating func formUnion(_ other: CharacterSet) {
        ascii.formUnion(other.ascii)
        hasOthers = hasOthers || other.hasOthers
        others += other.others
    }

    var inverted: CharacterSet {
        var set = CharacterSet()
        for byte in 0..<UInt8(0x80) where !ascii.contains(byte) { set.ascii.insert(byte) }
        set.hasOthers = !hasOthers
        return set
    }

    /// The only character; `nil` when there are others.
    var only: Unicode.Scalar? {
        let bytes = (0..<UInt8(0x80)).filter(ascii.contains)
        guard !hasOthers, bytes.count + others.count == 1 else { return nil }
        return others.first ?? bytes.first.map { Unicode.Scalar($0) }
    }

    /// One of them as a JSON string writes it.
    var expression: GrammarExpression {
        var plain = ByteSet()
        var choices: [GrammarExpression] = []
        for byte in 0..<UInt8(0x80) where ascii.contains(byte) {
            switch byte {
            case 0x22: choices.append(.text(#"\""#))
            case 0x5C: choices.append(.text(#"\\"#))
            case 0x08: choices.append(.text(#"\b"#))
            case 0x09: choices.append(.text(#"\t"#))
            case 0x0A: choices.append(.text(#"\n"#))
            case 0x0C: choices.append(.text(#"\f"#))
            case 0x0D: choices.append(.text(#"\r"#))
            case 0..<0x20: break
            default: plain.insert(byte)
            }
        }
        if plain != ByteSet() { choices.append(.byte(plain)) }
        if hasOthers {
            choices += JSONGrammar.longCharacters
        } else if !others.isEmpty {
            choices.append(.oneOf(others.map { Array(String($0).utf8) }))
        }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }
}
