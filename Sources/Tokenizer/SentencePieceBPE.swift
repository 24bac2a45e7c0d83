/// SentencePiece BPE ("llama"): the characters of the whole text are merged, the pair whose token has
/// the greatest score first; what is no token falls apart into byte tokens.
///
/// Source: Kudo & Richardson 2018.
struct SentencePieceBPE: Sendable {
    private let table: TokenTable
    /// How soon each token is made, 0 first: its score turned round.
    private let urgency: [UInt32]
    /// `<0xNN>`, or the byte itself as a text; nil where the vocabulary has neither.
    private let byteTokens: [TokenID?]
    private let unknown: TokenID?

    /// The character that stands for a space in token texts: U+2581.
    static let space: [UInt8] = [0xE2, 0x96, 0x81]

    /// `scores` is empty or as long as the table.
    init(table: TokenTable, scores: [Float], unknown: TokenID?) {
        self.table = table
        urgency =
            scores.isEmpty ? [UInt32](repeating: 0, count: table.count) : scores.map(Self.urgency(of:))
        byteTokens = (UInt8.min...UInt8.max).map { byte in
            table.id(of: Self.byteText(byte)) ?? table.id(of: [byte], 0..<1)
        }
        self.unknown = unknown
    }

    /// Orders as the scores do, backwards; a score that is not a number goes last.
    static func urgency(of score: Float) -> UInt32 {
        guard !score.isNaN else { return .max }
        let bits = (score + 0).bitPattern  // + 0 makes -0 the same as 0
        return bits >> 31 == 0 ? 0x7FFF_FFFF - bits : bits
    }

    private static func byteText(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x\(digits.count == 1 ? "0" : "")\(digits)>"
    }

    /// Appends the tokens of `text[range]`, which holds no special token.
    func encode(
        _ text: [UInt8], _ range: Range<Int>, withSpaceBefore: Bool, into tokens: inout [TokenID]
    ) {
        var escaped: [UInt8] = []
        escaped.reserveCapacity(range.count + range.count / 2 + 3)
        if withSpaceBefore { escaped += Self.space }
        for byte in text[range] {
            if byte == 0x20 { escaped += Self.space } else { escaped.append(byte) }
        }
        var merger = Merger()
        var start = 0
        while start < escaped.count {
            let length = min(Self.characterLength(escaped[start]), escaped.count - start)
            let token = table.id(of: escaped, start..<(start + length)) ?? Symbol.none
            merger.append(token: token, start: start, length: length)
            start += length
        }
        merger.finish(Rules(table: table, urgency: urgency, text: escaped)) { symbol in
            emit(symbol, escaped, into: &tokens)
        }
    }

    /// How many bytes a character has that begins so; 1 for a byte that begins none.
    private static func characterLength(_ first: UInt8) -> Int {
        switch first >> 4 {
        case 0xC, 0xD: 2
        case 0xE: 3
        case 0xF: 4
        default: 1
        }
    }

    /// A symbol that is a token as it is, any other byte by byte, and one without byte tokens as unknown.
    private func emit(_ symbol: Symbol, _ text: [UInt8], into tokens: inout [TokenID]) {
        if symbol.token != Symbol.none { return tokens.append(symbol.token) }
        let bytes = text[symbol.range].compactMap { byteTokens[Int($0)] }
        if bytes.count == Int(symbol.length) {
            tokens += bytes
        } else if let unknown {
            tokens.append(unknown)
        }
    }

    private struct Rules: MergeRules {
        let table: TokenTable
        let urgency: [UInt32]
        let text: [UInt8]

        func merge(_ left: Symbol, _ right: Symbol) -> (urgency: UInt32, token: TokenID)? {
            let range = left.range.lowerBound..<right.range.upperBound
            return table.id(of: text, range).map { (urgency[Int($0)], $0) }
        }
    }
}
