import Testing

@testable import Tokenizer

@Suite struct SentencePieceBPETests {
    private let vocabulary = SmallVocabularies.sentencePiece

    private func encode(_ text: String, _ vocabulary: Vocabulary? = nil) throws -> [TokenID] {
        try Tokenizer(vocabulary ?? self.vocabulary).encode(text, addSpecial: false, parseSpecial: false)
    }

    /// bc (-5) goes before ab (-6), ▁a (-7) and abc (-8). A space is put in front.
    @Test(
        arguments: [
            ("", []), ("a", [265]), ("ab", [259, 263]), ("abc", [265, 264]), ("babc", [259, 261, 266]),
            ("bca", [259, 264, 260]),
            ("b a", [259, 261, 265]), (" a", [259, 265]), ("aé", [265, 267]),
        ] as [(String, [TokenID])])
    func mergesByScore(text: String, ids: [TokenID]) throws {
        #expect(try encode(text) == ids)
    }

    @Test func spaceBeforeCanBeTurnedOff() throws {
        var other = vocabulary
        other.addSpacePrefix = false
        #expect(try encode("a", other) == [260])
        #expect(try encode(" a", other) == [265])
    }

    @Test func everyStretchAfterASpecialTokenGetsASpace() throws {
        let tokenizer = try Tokenizer(vocabulary)
        #expect(tokenizer.encode("a</s>ab", addSpecial: true, parseSpecial: true) == [1, 265, 2, 259, 263])
    }

    /// U+00FC is C3 BC: tokens 3 + 0xC3 and 3 + 0xBC.
    @Test func characterWithoutATokenFallsApartIntoBytes() throws {
        #expect(try encode("aü") == [265, 198, 191])
    }

    /// Without byte tokens one unknown token stands for the whole character.
    @Test func characterWithoutBytesIsUnknown() throws {
        var other = vocabulary
        for id in 3..<259 { other.tokens[id] = Array("unused\(id)".utf8) }
        #expect(try encode("aü", other) == [265, 0])
    }

    @Test func urgencyOrdersAsScoresDoBackwards() {
        let scores: [Float] = [.infinity, 3.5, 1, 0, -0.25, -1, -1e30, -.infinity, .nan]
        let urgencies = scores.map(SentencePieceBPE.urgency(of:))
        #expect(urgencies == urgencies.sorted())
        #expect(Set(urgencies).count == scores.count)
        #expect(SentencePieceBPE.urgency(of: -0.0) == SentencePieceBPE.urgency(of: 0))
    }

    @Test func piecesShowSpacesAndBytes() throws {
        let tokenizer = try Tokenizer(vocabulary)
        #expect(tokenizer.bytes(of: 265, showSpecial: false) == Array(" a".utf8))
        #expect(tokenizer.bytes(of: 3 + 0xC3, showSpecial: false) == [0xC3])
        #expect(tokenizer.decode([1, 265, 198, 191, 2], showSpecial: false) == " aü")
        #expect(tokenizer.decode([1, 265, 198, 2], showSpecial: true) == "<s> a\u{FFFD}</s>")
    }

    @Test func longTextWithoutSpaces() throws {
        let ids = try encode(String(repeating: "babc", count: 2000))
        let expected = [259] + [TokenID](repeating: 0, count: 4000).indices.map { $0 % 2 == 0 ? 261 : 266 }
        #expect(ids.elementsEqual(expected.map(TokenID.init)), "\(ids.prefix(8))")
    }
}
