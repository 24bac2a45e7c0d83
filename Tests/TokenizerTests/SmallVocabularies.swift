@testable import Tokenizer

/// Vocabularies small enough to encode in the head.
enum SmallVocabularies {
    /// Byte-level: ids 0 a, 1 b, 2 c, 3 Ġ (space), 4 ab, 5 abc, 6 Ġa, 7 bc, 8 <|im_end|> (control),
    /// 9 <user> (user-defined), 10 <|im_start|> (control). No token for "cc", which a merge makes on the way
    /// to "ccc", 11.
    static let byteLevel = Vocabulary(
        model: "gpt2", preTokenizer: "gpt-2",
        tokens: bytes([
            "a", "b", "c", "Ġ", "ab", "abc", "Ġa", "bc", "<|im_end|>", "<user>", "<|im_start|>", "ccc",
        ]),
        types: [1, 1, 1, 1, 1, 1, 1, 1, 3, 4, 3, 1],
        merges: bytes(["b c", "a b", "Ġ a", "c c", "cc c", "a bc"]),
        bos: 10, eos: 8)

    /// SentencePiece: 0 <unk>, 1 <s>, 2 </s>, 3 <0x00> ... 258 <0xFF>, then 259 ▁, 260 a, 261 b, 262 c,
    /// 263 ab, 264 bc, 265 ▁a, 266 abc, 267 é.
    static let sentencePiece: Vocabulary = {
        let digits = Array("0123456789ABCDEF")
        let byteTokens = (0..<256).map { "<0x\(digits[$0 / 16])\(digits[$0 % 16])>" }
        let texts = ["▁", "a", "b", "c", "ab", "bc", "▁a", "abc", "é"]
        let scores: [Float] = [-1, -2, -3, -4, -6, -5, -7, -8, -9]
        return Vocabulary(
            model: "llama", preTokenizer: "default",
            tokens: bytes(["<unk>", "<s>", "</s>"] + byteTokens + texts),
            scores: [Float](repeating: 0, count: 259) + scores,
            types: [2, 3, 3] + [Int32](repeating: 6, count: 256) + [Int32](repeating: 1, count: 9))
    }()

    static func bytes(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }
}
