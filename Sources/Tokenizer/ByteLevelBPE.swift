/// Byte-level BPE ("gpt2"): text is cut into words, a word into its bytes, and the pairs of a ranked
/// list of merges are joined again.
///
/// Merges work on token ids, so encoding looks at no string. A merge may pass through a text that is no
/// token; such a text gets an id past the vocabulary and falls apart into its bytes at the end.
/// Source: Sennrich et al. 2016; OpenAI's GPT-2.
struct ByteLevelBPE: Sendable {
    private let table: TokenTable
    /// Tokens of the vocabulary; ids from here on are texts that only merges know.
    private let count: Int
    /// `[left, right] -> (rank, merged)`.
    private let pairs: PairTable
    /// The symbol of each byte.
    private let symbols: [TokenID]
    private let preTokenizer: PreTokenizer

    init(table: TokenTable, merges: [[UInt8]], preTokenizer: PreTokenizer) {
        var table = table
        count = table.count
        symbols = ByteAlphabet.characters.map { table.intern($0, 0..<$0.count) }
        pairs = Self.ranked(merges, &table)
        self.table = table
        self.preTokenizer = preTokenizer
    }

    /// Reads `left right` entries; the space that parts them is never the first byte. What has none is
    /// passed over, as llama.cpp does.
    private static func ranked(_ merges: [[UInt8]], _ table: inout TokenTable) -> PairTable {
        var pairs = PairTable(capacity: merges.count)
        var joined: [UInt8] = []
        // Vocabularies usually list what merges make in the order of the merges: looking there first
        // saves a third of the lookups, most of what building costs.
        var expected: TokenID = 0
        for (rank, merge) in merges.enumerated() {
            guard let space = merge.dropFirst().firstIndex(of: 0x20) else { continue }
            joined.removeAll(keepingCapacity: true)
            joined.append(contentsOf: merge[..<space])
            joined.append(contentsOf: merge[(space + 1)...])
            let left = table.intern(merge, 0..<space)
            let right = table.intern(merge, (space + 1)..<merge.count)
            let token =
                table.isText(joined, of: expected) ? expected : table.intern(joined, 0..<joined.count)
            expected = token + 1
            pairs.insert(
                UInt32(bitPattern: left), UInt32(bitPattern: right),
                value: (UInt32(truncatingIfNeeded: rank), UInt32(bitPattern: token)))
        }
        return pairs
    }

    /// Appends the tokens of `text[range]`, which holds no special token.
    func encode(_ text: [UInt8], _ range: Range<Int>, into tokens: inout [TokenID]) {
        let scalars = ScalarText(text, range)
        var merger = Merger()
        var start = range.lowerBound
        for end in preTokenizer.wordEnds(scalars) {
            let word = start..<scalars.offset(end)
            start = word.upperBound
            if preTokenizer.takesWholeWords, let token = wholeWord(text, word) {
                tokens.append(token)
                continue
            }
            merger.start()
            for i in word {
                merger.append(token: symbols[Int(text[i])], start: i - range.lowerBound, length: 1)
            }
            merger.finish(self) { symbol in
                emit(symbol, text, base: range.lowerBound, into: &tokens)
            }
        }
    }

    private func wholeWord(_ text: [UInt8], _ word: Range<Int>) -> TokenID? {
        guard word.count <= table.longest else { return nil }
        let characters = ByteAlphabet.characters
        var spelled: [UInt8] = []
        spelled.reserveCapacity(word.count * 2)
        for i in word { spelled.append(contentsOf: characters[Int(text[i])]) }
        guard let token = table.id(of: spelled, 0..<spelled.count), token < count else { return nil }
        return token
    }

    /// A symbol that is a token as it is, any other byte by byte. A byte without a token is left out: in
    /// the families that lack some (StarCoder), the unknown token is the one that ends the text.
    private func emit(_ symbol: Symbol, _ text: [UInt8], base: Int, into tokens: inout [TokenID]) {
        if symbol.token < count { return tokens.append(symbol.token) }
        for i in symbol.range {
            let byte = symbols[Int(text[base + i])]
            if byte < count { tokens.append(byte) }
        }
    }
}

extension ByteLevelBPE: MergeRules {
    func merge(_ left: Symbol, _ right: Symbol) -> (urgency: UInt32, token: TokenID)? {
        guard let found = pairs[UInt32(bitPattern: left.token), UInt32(bitPattern: right.token)] else {
            return nil
        }
        return (found.0, TokenID(bitPattern: found.1))
    }
}
