/// Reads the tokens inside one tag.
struct CodeLexer {
    let source: [Unicode.Scalar]
    private(set) var place: Int
    private(set) var line: Int
    private(set) var tokens: [Token] = []
    /// Brackets that are open; the end of the tag is not looked for inside them.
    private var open: [Token.Symbol] = []

    init(source: [Unicode.Scalar], place: Int, line: Int) {
        self.source = source
        self.place = place
        self.line = line
    }

    mutating func skipSpace() {
        while let next = scalar(place), next.isPythonSpace { advance() }
    }

    /// The end of the tag when it is here: the place after it and its sign.
    func endOfTag(_ closing: Unicode.Scalar) -> (place: Int, sign: Unicode.Scalar?)? {
        guard open.isEmpty else { return nil }
        let sign = scalar(place).flatMap { $0 == "-" || ($0 == "+" && closing == "%") ? $0 : nil }
        let start = sign == nil ? place : place + 1
        return scalar(start) == closing && scalar(start + 1) == "}" ? (start + 2, sign) : nil
    }

    mutating func readToken() throws(TemplateError) {
        guard let first = scalar(place) else { return }
        switch first {
        case "0"..."9": try readNumber()
        case "'", "\"": try readString(quote: first)
        case "_": readName()
        default:
            if first.properties.isXIDStart { readName() } else { try readSymbol() }
        }
    }

    private mutating func readName() {
        let start = place
        while let next = scalar(place), next.properties.isXIDContinue { advance() }
        emit(.name(text(start..<place)))
    }

    private mutating func readSymbol() throws(TemplateError) {
        for length in [2, 1] where place + length <= source.count {
            guard let symbol = Token.Symbol(rawValue: text(place..<place + length)) else { continue }
            if let closing = symbol.closing {
                guard open.count < SourceLimits.nesting else {
                    throw .limit(what: "brackets inside each other", limit: SourceLimits.nesting, line: line)
                }
                open.append(closing)
            } else if [.rightBrace, .rightParen, .rightBracket].contains(symbol) {
                guard let expected = open.popLast() else {
                    throw .syntax(message: "\"\(symbol.rawValue)\" closes nothing", line: line)
                }
                guard expected == symbol else {
                    throw .syntax(
                        message: "\"\(symbol.rawValue)\" where \"\(expected.rawValue)\" is due", line: line)
                }
            }
            emit(.symbol(symbol))
            place += length
            return
        }
        throw .syntax(message: "unexpected character \"\(source[place])\"", line: line)
    }

    // MARK: Numbers

    private mutating func readNumber() throws(TemplateError) {
        let start = place
        if source[place] == "0", let radix = scalar(place + 1).flatMap(Self.radix), isDigit(place + 2, radix)
        {
            place += 2
            skipDigits(radix)
            guard let value = Int(digits(start + 2..<place), radix: radix) else { throw tooLarge(start) }
            return emit(.int(value))
        }
        skipDigits(10)
        let afterDot = start > 0 && source[start - 1] == "."
        var isFloat = false
        if !afterDot {
            if scalar(place) == ".", isDigit(place + 1, 10) {
                place += 1
                skipDigits(10)
                isFloat = true
            }
            if let exponent = scalar(place), exponent == "e" || exponent == "E" {
                let sign = scalar(place + 1) == "+" || scalar(place + 1) == "-" ? 2 : 1
                if isDigit(place + sign, 10) {
                    place += sign
                    skipDigits(10)
                    isFloat = true
                }
            }
        }
        if isFloat, let value = Double(digits(start..<place)) { return emit(.double(value)) }
        guard let value = Int(digits(start..<place)) else { throw tooLarge(start) }
        emit(.int(value))
    }

    private static func radix(_ letter: Unicode.Scalar) -> Int? {
        switch letter {
        case "b", "B": 2
        case "o", "O": 8
        case "x", "X": 16
        default: nil
        }
    }

    private mutating func skipDigits(_ radix: Int) {
        while isDigit(place, radix) || (scalar(place) == "_" && isDigit(place + 1, radix)) { place += 1 }
    }

    private func isDigit(_ index: Int, _ radix: Int) -> Bool {
        guard let value = scalar(index), value.isASCII else { return false }
        return (Character(value).hexDigitValue).map { $0 < radix } ?? false
    }

    private func digits(_ range: Range<Int>) -> String { text(range).filter { $0 != "_" } }

    private func tooLarge(_ start: Int) -> TemplateError {
        .syntax(message: "the number \(text(start..<place)) does not fit 64 bits", line: line)
    }

    // MARK: Strings

    private mutating func readString(quote: Unicode.Scalar) throws(TemplateError) {
        let opening = line
        advance()
        var value = String.UnicodeScalarView()
        while let next = scalar(place) {
            if next == quote {
                place += 1
                tokens.append(Token(kind: .string(String(value)), line: opening))
                return
            }
            if next == "\\" {
                try readEscape(into: &value)
            } else {
                value.append(next)
                advance()
            }
        }
        throw .syntax(message: "a string that begins here has no end", line: opening)
    }

    /// One escape sequence of Python; an unknown one stays as it is written.
    private mutating func readEscape(into value: inout String.UnicodeScalarView) throws(TemplateError) {
        advance()
        guard let letter = scalar(place) else { return }
        let plain: [Unicode.Scalar: Unicode.Scalar] = [
            "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}", "b": "\u{8}",
            "f": "\u{C}", "v": "\u{B}",
        ]
        if let scalar = plain[letter] {
            value.append(scalar)
            return advance()
        }
        switch letter {
        case "\n": advance()
        case "0"..."7":
            var code: UInt32 = 0
            for _ in 0..<3 {
                guard let digit = scalar(place), ("0"..."7").contains(digit) else { break }
                code = code * 8 + (digit.value - 48)
                place += 1
            }
            value.append(Unicode.Scalar(code) ?? "\u{FFFD}")
        case "x", "u", "U": try readCode(letter == "x" ? 2 : letter == "u" ? 4 : 8, into: &value)
        case "N": throw .unsupported(construct: "the string escape \"\\N\"", line: line)
        default:
            value.append("\\")
            value.append(letter)
            advance()
        }
    }

    private mutating func readCode(
        _ count: Int, into value: inout String.UnicodeScalarView
    ) throws(TemplateError) {
        let start = place + 1
        guard start + count <= source.count, (start..<start + count).allSatisfy({ isDigit($0, 16) }),
            let code = UInt32(text(start..<start + count), radix: 16), let scalar = Unicode.Scalar(code)
        else {
            throw .syntax(
                message: "\"\\\(source[place])\" is not followed by \(count) digits of a character",
                line: line)
        }
        value.append(scalar)
        place = start + count
    }

    // MARK: Places

    private func scalar(_ index: Int) -> Unicode.Scalar? { index < source.count ? source[index] : nil }

    private func text(_ range: Range<Int>) -> String { String(String.UnicodeScalarView(source[range])) }

    private mutating func emit(_ kind: Token.Kind) { tokens.append(Token(kind: kind, line: line)) }

    private mutating func advance() {
        if source[place] == "\n" { line += 1 }
        place += 1
    }
}
