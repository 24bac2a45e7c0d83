import Testing

@testable import Tokenizer

@Suite struct ByteLevelBPETests {
    private let vocabulary = SmallVocabularies.byteLevel

    private func encode(_ text: String, _ vocabulary: Vocabulary? = nil) throws -> [TokenID] {
        try Tokenizer(vocabulary ?? self.vocabulary).encode(text, addSpecial: false, parseSpecial: false)
    }

    /// "abc": b c goes first (rank 0), then a bc (rank 5); "ab" alone: rank 1; " abc": after b c, " a"
    /// (rank 2) goes before a bc.
    @Test(
        arguments: [
            ("", []), ("a", [0]), ("abc", [5]), ("ab", [4]), ("aab", [0, 4]), ("bcb", [7, 1]),
            (" ab", [3, 4]),
            (" aa", [6, 0]), ("ab abc", [4, 6, 7]),
        ] as [(String, [TokenID])])
    func mergesByRank(text: String, ids: [TokenID]) throws {
        #expect(try encode(text) == ids)
    }

    /// c c makes a text that is no token: alone it falls apart again, with a third c it is 11.
    @Test(arguments: [("cc", [2, 2]), ("ccc", [11]), ("cccc", [2, 2, 2, 2])] as [(String, [TokenID])])
    func mergesPassThroughTextsThatAreNoTokens(text: String, ids: [TokenID]) throws {
        #expect(try encode(text) == ids)
    }

    @Test func byteWithoutATokenIsLeftOut() throws {
        #expect(try encode("axb") == [0, 1])
        #expect(try encode("é").isEmpty)
    }

    /// Without a merge that makes "abc", only a rule that looks for whole words first finds it.
    @Test func wholeWordsGoBeforeMerges() throws {
        var other = vocabulary
        other.merges = SmallVocabularies.bytes(["b c"])
        #expect(try encode("abc", other) == [0, 7])
        other.preTokenizer = "llama-bpe"
        #expect(try encode("abc", other) == [5])
        #expect(try encode("abcb", other) == [0, 7, 1])
    }

    @Test(arguments: [(1, [0]), (2, [4]), (3, [4, 0]), (4096, [TokenID](repeating: 4, count: 2048))])
    func longWordsOfOneLetter(count: Int, ids: [TokenID]) throws {
        var other = vocabulary
        other.tokens[4] = Array("aa".utf8)
        other.merges = SmallVocabularies.bytes(["a a"])
        #expect(try encode(String(repeating: "a", count: count), other) == ids)
    }

    @Test func mergeWithoutASpaceIsPassedOver() throws {
        var other = vocabulary
        other.merges.insert(Array("ab".utf8), at: 0)
        other.merges.insert([], at: 0)
        #expect(try encode("abc", other) == [5])
    }

    /// Against the definition: join the first pair of least rank, over and over.
    @Test(arguments: 0..<40) func agreesWithTheDefinition(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let letters = ["a", "b", "c"]
        var tokens = letters
        var merges: [(String, String)] = []
        for _ in 0..<12 {
            let pair = (
                tokens.randomElement(using: &random) ?? "", tokens.randomElement(using: &random) ?? ""
            )
            guard !merges.contains(where: { $0 == pair }) else { continue }
            merges.append(pair)
            if !tokens.contains(pair.0 + pair.1) { tokens.append(pair.0 + pair.1) }
        }
        let vocabulary = Vocabulary(
            model: "gpt2", preTokenizer: "gpt-2", tokens: SmallVocabularies.bytes(tokens),
            merges: SmallVocabularies.bytes(merges.map { "\($0) \($1)" }), bos: 0, eos: 0)
        let word = (0..<30).map { _ in letters.randomElement(using: &random) ?? "" }
        var parts = word
        while let best = firstOfLeastRank(parts, merges) {
            parts[best] += parts.remove(at: best + 1)
        }
        let expected = parts.compactMap { tokens.firstIndex(of: $0) }.map(TokenID.init)
        #expect(try encode(word.joined(), vocabulary) == expected)
    }

    private func firstOfLeastRank(_ parts: [String], _ merges: [(String, String)]) -> Int? {
        let ranked = (0..<(parts.count - 1)).compactMap { index in
            merges.firstIndex { $0 == (parts[index], parts[index + 1]) }.map { (rank: $0, index: index) }
        }
        return ranked.min { $0 < $1 }?.index
    }

    @Test func everyByteHasItsOwnCharacter() {
        #expect(Set(ByteAlphabet.characters).count == 256)
        #expect(ByteAlphabet.characters[0x20] == Array("Ġ".utf8))
        #expect(ByteAlphabet.characters[0x0A] == Array("Ċ".utf8))
        #expect(ByteAlphabet.characters[0xAD] == Array("Ń".utf8))
        for (byte, character) in ByteAlphabet.characters.enumerated() {
            var decoded: [UInt8] = []
            ByteAlphabet.decode(character[...], into: &decoded)
            #expect(decoded == [UInt8(byte)])
        }
    }
}

/// Steele, Lea & Flood 2014: seeded numbers, the same on every machine.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
