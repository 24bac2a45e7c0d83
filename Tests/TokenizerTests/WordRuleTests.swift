import Testing

@testable import Tokenizer

@Suite struct WordRuleTests {
    private func words(_ text: String, _ rule: String) throws -> [String] {
        let rule = try #require(PreTokenizer(named: rule))
        let bytes = Array(text.utf8)
        let scalars = ScalarText(bytes, 0..<bytes.count)
        var start = 0
        return rule.wordEnds(scalars).map { end in
            defer { start = scalars.offset(end) }
            return String(decoding: bytes[start..<scalars.offset(end)], as: UTF8.self)
        }
    }

    private func check(_ row: String, _ rule: String) throws {
        // By scalars: a bar and the combining mark after it are one `Character`.
        let expected = row.unicodeScalars.split(separator: "¦").map { String($0) }
        #expect(try words(expected.joined(), rule) == expected)
    }

    @Test(arguments: WordTables.gpt2) func gpt2(row: String) throws { try check(row, "gpt-2") }
    @Test(arguments: WordTables.smollm) func smollm(row: String) throws { try check(row, "smollm") }
    @Test(arguments: WordTables.qwen2) func qwen2(row: String) throws { try check(row, "qwen2") }
    @Test(arguments: WordTables.llama3) func llama3(row: String) throws { try check(row, "llama-bpe") }
    @Test(arguments: WordTables.qwen35) func qwen35(row: String) throws { try check(row, "qwen35") }
    @Test(arguments: WordTables.gpt4o) func gpt4o(row: String) throws { try check(row, "gpt-4o") }
    @Test(arguments: WordTables.plain) func fallback(row: String) throws { try check(row, "default") }
    @Test(arguments: WordTables.deepseekCoder) func deepseekCoder(row: String) throws {
        try check(row, "deepseek-coder")
    }

    /// Upper and lower case of ASCII only: an accented letter counts as both.
    @Test(arguments: ["é¦AB", "aé¦B", "ABc¦Dé¦F", "A", "¡AB¦ cd"]) func casedWordsGiveBack(row: String) throws
    {
        try check(row, "tekken")
    }

    @Test(arguments: PreTokenizer.names + [""]) func cutsLoseNothing(rule: String) throws {
        for text in ["", " ", "\n", "'", "a'", "'l", " \u{0}\u{301}", "x  \r\n 12 34567é'LL//\n世界🙂 "] {
            #expect(try words(text, rule).joined() == text)
        }
    }

    @Test(arguments: [
        ("llama3", "llama-bpe"), ("llama-v3", "llama-bpe"), ("deepseek-r1-qwen", "qwen2"), ("", "default"),
        ("starcoder", "smollm"), ("mpt", "gpt-2"),
    ]) func namesShareARule(name: String, other: String) {
        #expect(PreTokenizer(named: name) != nil)
        #expect(PreTokenizer(named: name) == PreTokenizer(named: other))
    }

    /// White_Space, not only what general category Z holds.
    @Test(arguments: [0x09, 0x0D, 0x20, 0x85, 0xA0, 0x2028, 0x3000] as [UInt32])
    func whiteSpace(value: UInt32) {
        #expect(ScalarClass(of: value) == .space)
    }

    @Test func classes() {
        #expect(ScalarClass(of: 0x01C5) == .letter)  // titlecase
        #expect(ScalarClass(of: 0x2167) == .number)  // Roman eight
        #expect(ScalarClass(of: 0x0301) == .mark)
        #expect(ScalarClass(of: 0x00BF) == .punctuation)
        #expect(ScalarClass(of: 0x0024) == .symbol)
        #expect(ScalarClass(of: 0x200B) == [])  // zero width space is no white space
        #expect(ScalarClass(of: 0xD800) == [])
        #expect(ScalarClass(of: 0x110000) == [])
    }

    /// Bytes that are no character count one by one, so that offsets still add up.
    @Test func brokenTextKeepsItsLength() {
        let bytes: [UInt8] = [0x61, 0xE4, 0xB8, 0xFF, 0x62, 0xF0]
        let text = ScalarText(bytes, 0..<bytes.count)
        #expect(text.scalars == [0x61, 0xFFFD, 0xFFFD, 0xFFFD, 0x62, 0xFFFD])
        #expect(text.offset(4) == 4)
        #expect(text.offset(6) == 6)
    }
}
