/// Cuts a template's source into tokens, as Jinja does with `trim_blocks` and `lstrip_blocks` set.
///
/// Source: jinja2 3.1, `lexer.py`; Hugging Face's transformers sets both switches for chat templates.
struct Lexer {
    private let source: [Unicode.Scalar]
    private var place = 0
    private var line = 1
    /// The last tag ended with the newline before `place`, so a tag here is the first of its line.
    private var startsLine = true
    private var tokens: [Token] = []

    private enum Tag { case variable, block, comment }

    /// All tokens of `source`, ended by `.end`.
    static func tokens(of source: String) throws(TemplateError) -> [Token] {
        guard source.utf8.count <= SourceLimits.bytes else {
            throw .limit(what: "bytes of template source", limit: SourceLimits.bytes, line: 1)
        }
        var lexer = Lexer(source)
        try lexer.run()
        return lexer.tokens
    }

    /// Newlines become `\n`, and the last one is dropped.
    private init(_ source: String) {
        var scalars: [Unicode.Scalar] = []
        var afterReturn = false
        for scalar in source.unicodeScalars {
            if !(scalar == "\n" && afterReturn) { scalars.append(scalar == "\r" ? "\n" : scalar) }
            afterReturn = scalar == "\r"
        }
        if scalars.last == "\n" { scalars.removeLast() }
        self.source = scalars
    }

    private mutating func run() throws(TemplateError) {
        while place < source.count {
            guard let (start, tag) = nextTag() else {
                emitText(place..<source.count)
                advance(to: source.count)
                break
            }
            let sign = scalar(start + 2)
            emitText(place..<strippedEnd(of: place..<start, before: tag, sign: sign))
            advance(to: start)
            switch tag {
            case .comment: try skipComment()
            case .variable: try readTag(.variable)
            case .block:
                if let body = rawBegin(at: start) { try readRaw(from: body) } else { try readTag(.block) }
            }
            startsLine = source[place - 1] == "\n"
        }
        emit(.end)
    }

    // MARK: Text between tags

    private func nextTag() -> (start: Int, tag: Tag)? {
        var index = place
        while index + 1 < source.count {
            if source[index] == "{" {
                switch source[index + 1] {
                case "{": return (index, .variable)
                case "%": return (index, .block)
                case "#": return (index, .comment)
                default: break
                }
            }
            index += 1
        }
        return nil
    }

    /// Where the text in front of a tag ends, once the tag's sign or `lstrip_blocks` took its white space.
    private func strippedEnd(of range: Range<Int>, before tag: Tag, sign: Unicode.Scalar?) -> Int {
        let trailing = source[range].reversed().prefix { $0.isPythonSpace }
        if sign == "-" { return range.upperBound - trailing.count }
        guard sign != "+", tag != .variable else { return range.upperBound }
        let blank = trailing.prefix { $0 != "\n" }.count
        let lineStart = range.upperBound - blank
        let isFirstOfLine = lineStart == range.lowerBound ? startsLine : source[lineStart - 1] == "\n"
        return isFirstOfLine ? lineStart : range.upperBound
    }

    private mutating func emitText(_ range: Range<Int>) {
        if !range.isEmpty { emit(.text(String(String.UnicodeScalarView(source[range])))) }
    }

    private mutating func skipComment() throws(TemplateError) {
        let opening = line
        let sign = scalar(place + 2)
        let body = place + (sign == "-" || sign == "+" ? 3 : 2)
        guard let end = find("#", "}", from: body) else {
            throw .syntax(message: "a comment that begins here has no end \"#}\"", line: opening)
        }
        let endSign = end > body ? source[end - 1] : nil
        advance(to: end + 2)
        skipAfterTag(sign: endSign)
    }

    /// The white space that a closing tag takes: all of it after `-`, one newline by `trim_blocks` otherwise.
    private mutating func skipAfterTag(sign: Unicode.Scalar?) {
        if sign == "-" {
            advance(to: source[place...].firstIndex { !$0.isPythonSpace } ?? source.count)
        } else if sign != "+", scalar(place) == "\n" {
            advance(to: place + 1)
        }
    }

    // MARK: Raw blocks

    /// The place after `{% raw %}`, when the block at `start` is one.
    private func rawBegin(at start: Int) -> (body: Int, dash: Bool)? { wordBlock("raw", at: start) }

    private func wordBlock(_ word: String, at start: Int) -> (body: Int, dash: Bool)? {
        var index = start + 2
        if scalar(index) == "-" || scalar(index) == "+" { index += 1 }
        while let next = scalar(index), next.isPythonSpace { index += 1 }
        for letter in word.unicodeScalars {
            guard scalar(index) == letter else { return nil }
            index += 1
        }
        while let next = scalar(index), next.isPythonSpace { index += 1 }
        let dash = scalar(index) == "-"
        if dash || scalar(index) == "+" { index += 1 }
        guard scalar(index) == "%", scalar(index + 1) == "}" else { return nil }
        return (index + 2, dash)
    }

    private mutating func readRaw(from begin: (body: Int, dash: Bool)) throws(TemplateError) {
        let opening = line
        advance(to: begin.body)
        if begin.dash { skipAfterTag(sign: "-") }
        var from = place
        startsLine = source[place - 1] == "\n"
        while let start = find("{", "%", from: from) {
            if let end = wordBlock("endraw", at: start) {
                emitText(place..<strippedEnd(of: place..<start, before: .block, sign: scalar(start + 2)))
                advance(to: end.body)
                skipAfterTag(sign: end.dash ? "-" : source[end.body - 3])
                return
            }
            from = start + 2
        }
        throw .syntax(message: "\"raw\" that begins here has no \"endraw\"", line: opening)
    }

    // MARK: Tags

    private mutating func readTag(_ tag: Tag) throws(TemplateError) {
        let opening = line
        emit(tag == .block ? .blockBegin : .variableBegin)
        advance(to: place + 2)
        if scalar(place) == "-" || scalar(place) == "+" { advance(to: place + 1) }
        var code = CodeLexer(source: source, place: place, line: line)
        let closing: Unicode.Scalar = tag == .block ? "%" : "}"
        while true {
            code.skipSpace()
            if let end = code.endOfTag(closing) {
                tokens += code.tokens
                (place, line) = (code.place, code.line)
                emit(tag == .block ? .blockEnd : .variableEnd)
                advance(to: end.place)
                if end.sign == "-" || tag == .block { skipAfterTag(sign: end.sign) }
                return
            }
            guard code.place < source.count else {
                let text =
                    tag == .block
                    ? "\"{%\" that begins here has no \"%}\"" : "\"{{\" that begins here has no \"}}\""
                throw .syntax(message: text, line: opening)
            }
            try code.readToken()
        }
    }

    // MARK: Places

    private func scalar(_ index: Int) -> Unicode.Scalar? { index < source.count ? source[index] : nil }

    private func find(_ first: Unicode.Scalar, _ second: Unicode.Scalar, from: Int) -> Int? {
        var index = from
        while index + 1 < source.count {
            if source[index] == first, source[index + 1] == second { return index }
            index += 1
        }
        return nil
    }

    private mutating func emit(_ kind: Token.Kind) { tokens.append(Token(kind: kind, line: line)) }

    private mutating func advance(to end: Int) {
        for index in place..<max(place, end) where source[index] == "\n" { line += 1 }
        place = end
    }
}

extension Unicode.Scalar {
    /// White space as Python sees it.
    var isPythonSpace: Bool { Text.isSpace(self) }
}
