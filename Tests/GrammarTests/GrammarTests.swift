import Testing

@testable import Grammar

/// Whether a grammar has this text.
private func reads(_ text: String, _ grammar: Grammar) -> Bool { reads(text, GrammarReader(grammar)) }

private func reads(_ text: String, _ start: GrammarReader) -> Bool {
    var reader = start
    return (text.isEmpty || reader.read(text.utf8)) && reader.isComplete
}

@Suite struct GrammarTests {
    @Test func partsAreReadInTheirOrder() throws {
        let grammar = try Grammar(
            .sequence([
                .text("a"), .choice([.text("bc"), .text("bd"), .empty]),
                .repeated(.byte(ByteSet(0x30...0x39)), atLeast: 1, atMost: 3), .optional(.text("!")),
            ]))
        for text in ["a1", "abc1", "abd123", "a12!", "abc7!"] { #expect(reads(text, grammar), "\(text)") }
        for text in ["", "a", "ab1", "abc", "a1234", "b1", "a1!!", "abcbd1"] {
            #expect(!reads(text, grammar), "\(text)")
        }
    }

    @Test func nextBytesAreThoseThatMayFollow() throws {
        var reader = GrammarReader(try Grammar(.choice([.text("no"), .text("nay"), .text("yes")])))
        #expect((UInt8.min...UInt8.max).filter(reader.nextBytes.contains) == [0x6E, 0x79])
        #expect(reader.allows("na".utf8) && !reader.allows("ye s".utf8))
        let wasRead = reader.read("n".utf8)
        #expect(wasRead && !reader.isComplete)
        #expect((UInt8.min...UInt8.max).filter(reader.nextBytes.contains) == [0x61, 0x6F])
        let end = reader.read("o".utf8)
        #expect(end && reader.isComplete && reader.nextBytes == ByteSet())
    }

    @Test func textsThatAreNoBeginningStayRefused() throws {
        var reader = GrammarReader(try Grammar(.text("ab")))
        let first = reader.read("x".utf8)
        let second = reader.read("ab".utf8)
        #expect(!first && !second && !reader.isComplete)
    }

    @Test(arguments: [0, 1, 2, 5], [nil, 0, 1, 2, 5, 7])
    func repetitionsAreCounted(least: Int, most: Int?) throws {
        let grammar = try Grammar(.repeated(.text("ab"), atLeast: least, atMost: most))
        for count in 0...9 {
            let isRead = reads(String(repeating: "ab", count: count), grammar)
            #expect(isRead == (count >= least && count <= most ?? .max), "\(count)")
        }
    }

    @Test func rulesHoldThemselves() throws {
        // Balanced brackets.
        let grammar = try Grammar(
            .rule(0),
            rules: [
                .repeated(.sequence([.text("("), .rule(0), .text(")")]), atLeast: 0, atMost: nil)
            ])
        for text in ["", "()", "(())()", "((()()))"] { #expect(reads(text, grammar), "\(text)") }
        for text in ["(", ")", "())", "(()"] { #expect(!reads(text, grammar), "\(text)") }
    }

    @Test func nestingIsBounded() throws {
        let grammar = try Grammar(
            .rule(0), rules: [.choice([.sequence([.text("("), .rule(0), .text(")")]), .text("x")])])
        var reader = GrammarReader(grammar)
        let deep = GrammarReader.maximumDepth - 1
        let isRead = reader.read(repeatElement(UInt8(ascii: "("), count: deep))
        #expect(isRead)
        let isDeeper = reader.read("((".utf8)
        #expect(!isDeeper)
    }

    @Test func rulesThatEndWithOthersAreNotDeep() throws {
        let last = 2 * GrammarReader.maximumDepth
        let rules = (0...last).map { index -> GrammarExpression in
            index == last ? .text("b") : .sequence([.text("a"), .rule(index + 1)])
        }
        #expect(reads(String(repeating: "a", count: last) + "b", try Grammar(.rule(0), rules: rules)))
    }

    @Test func whatBeginsWithItselfReadsNothing() throws {
        let grammar = try Grammar(
            .rule(0), rules: [.choice([.sequence([.rule(0), .rule(0), .text("a")]), .text("b")])])
        #expect(!GrammarReader(grammar).allows("c".utf8))
        // A repetition of nothing ends, too.
        let empty = try Grammar(
            .sequence([
                .repeated(.repeated(.optional(.text("a")), atLeast: 0, atMost: nil), atLeast: 3, atMost: nil),
                .text("b"),
            ]))
        #expect(reads("b", empty) && reads("aaaaaab", empty) && !reads("aac", empty))
    }

    /// Ways to read a text that come to the same are one: their number would else double with each element.
    @Test func waysThatMeetAreOne() throws {
        let same = GrammarExpression.choice([.text("ab"), .sequence([.text("a"), .text("b")]), .rule(0)])
        let grammar = try Grammar(
            .repeated(same, atLeast: 0, atMost: 5000), rules: [.text("ab")])
        #expect(reads(String(repeating: "ab", count: 5000), grammar))
        #expect(!reads(String(repeating: "ab", count: 5001), grammar))
    }

    @Test func listsOfWordsAreReadAsTheyAre() throws {
        let words = ["", "a", "ab", "abc", "abd", "b", "bcd", "bce", "x", "abc"]
        let grammar = try Grammar(.oneOf(words.map { Array($0.utf8) }))
        for word in words { #expect(reads(word, grammar), "\(word)") }
        for word in ["abe", "bc", "bcdd", "c", "xx"] { #expect(!reads(word, grammar), "\(word)") }
        #expect(try !reads("", Grammar(.oneOf([]))))
    }

    @Test func tooLargeGrammarsAreRefused() throws {
        let long = GrammarExpression.literal([UInt8](repeating: 0x61, count: 1000))
        #expect(throws: GrammarError.tooLarge(limit: Grammar.maximumSize)) {
            try Grammar(.sequence([GrammarExpression](repeating: long, count: 200)))
        }
    }
}

@Suite struct JSONGrammarTests {
    private let any: Grammar
    init() throws { any = try Grammar(JSONGrammar.anyValue, rules: JSONGrammar.rules) }

    @Test(arguments: [
        "null", "true", "false", "0", "-1", "12.5", "1e5", "-0.25E-10", #""""#, #""a\n\"\\\/é😀""#,
        #""\u00e9\ud83d\ude00""#,
        "[]", "[1, 2]", "[1,2]", "{}", #"{"a": 1}"#, "{\n  \"a\": [1, {\"b\": null}],\n  \"c\": \"d\"\n}",
        "[[[[]]]]",
        "\"\u{7F}\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFF}\u{10000}\u{10FFFF}\"",
    ])
    func valuesAreRead(text: String) {
        #expect(reads(text, any))
        // As is every beginning of one.
        for count in 0...text.utf8.count { #expect(GrammarReader(any).allows(text.utf8.prefix(count))) }
    }

    @Test(arguments: [
        "", " 1", "1 ", "01", "+1", ".5", "1.", "1e", "nul", "True", "'a'", #""a"#, "\"\n\"", #""\x""#,
        #""\u12g4""#,
        #""\ud83d""#, #""\ude00""#, "[1,]", "[,1]", "[1 2]", "{a: 1}", #"{"a" 1}"#, #"{"a": 1,}"#, "[1}",
        "{} {}",
        "{\n\n\"a\": 1}", "[  1]",
    ])
    func otherTextsAreNot(text: String) { #expect(!reads(text, any)) }

    @Test func bytesThatAreNoCharactersAreRefused() {
        for bytes: [UInt8] in [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80],
            [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5], [0xFF], [0xC3, 0x22],
        ] {
            #expect(!GrammarReader(any).allows([0x22] + bytes), "\(bytes)")
        }
    }

    @Test func charactersOfStringsAreCounted() throws {
        let grammar = try Grammar(JSONGrammar.string(atLeast: 2, atMost: 3), rules: JSONGrammar.rules)
        for text in [#""ab""#, #""é😀x""#, #""\n\u00e9""#, #""\ud83d\ude00a""#] {
            #expect(reads(text, grammar), "\(text)")
        }
        for text in [#""a""#, #""abcd""#, #""😀""#] { #expect(!reads(text, grammar), "\(text)") }
    }

    @Test(arguments: [
        ("date", ["2026-11-30", "1999-01-01"], ["2026-13-01", "2026-1-01", "26-01-01", "2026-11-32"]),
        ("time", ["23:59:59Z", "00:00:00.125+01:30"], ["24:00:00Z", "12:60:00Z", "12:00Z", "12:00:00"]),
        ("date-time", ["2026-11-30T13:00:00Z"], ["2026-11-30 13:00:00Z", "2026-11-30"]),
        (
            "uuid", ["123e4567-e89b-12d3-a456-426614174000"],
            ["123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g"]
        ),
    ])
    func formatsAreKept(name: String, good: [String], bad: [String]) throws {
        let grammar = try Grammar(#require(JSONGrammar.format(name)))
        for text in good { #expect(reads(text, grammar), "\(text)") }
        for text in bad { #expect(!reads(text, grammar), "\(text)") }
    }
}

@Suite struct NumberRangeTests {
    private static let bounds = [
        nil, "-1000", "-999.5", "-12.34", "-10", "-1", "-0.5", "0", "0.05", "0.5", "1", "9", "9.99", "10",
        "99.9", "123",
        "1000",
    ]

    /// Numbers in hundredths: some of all sizes, and those around every bound.
    private static let hundredths: Set<Int> = {
        let near = bounds.compactMap { $0.flatMap(Double.init) }.flatMap { bound in
            [-100, -2, -1, 0, 1, 2, 100].map { Int((bound * 100).rounded()) + $0 }
        }
        return Set(
            Array(stride(from: -1300, to: 1300, by: 97))
                + Array(stride(from: -110_000, to: 110_000, by: 6100)) + near)
    }()

    private static func text(_ hundredths: Int) -> String {
        let (whole, rest) = (hundredths.magnitude / 100, hundredths.magnitude % 100)
        let fraction = rest == 0 ? "" : rest < 10 ? ".0\(rest)" : ".\(rest)"
        return "\(hundredths < 0 ? "-" : "")\(whole)\(fraction)"
    }

    @Test(arguments: bounds, [true, false])
    func numbersAreThoseBetweenTheBounds(low: String?, isIncluded: Bool) throws {
        let numbers = Self.hundredths.map { (text: Self.text($0), value: Double($0) / 100) }
        for high in Self.bounds {
            let least = try low.map { try #require(NumberRange.Bound($0, isIncluded: isIncluded)) }
            let most = try high.map { try #require(NumberRange.Bound($0, isIncluded: !isIncluded)) }
            for isInteger in [true, false] {
                let grammar = try NumberRange(from: least, to: most, isInteger: isInteger).expression.map {
                    expression throws(GrammarError) in GrammarReader(try Grammar(expression))
                }
                for (text, value) in numbers {
                    var isExpected = !isInteger || !text.contains(".")
                    if let bound = low.flatMap(Double.init) {
                        isExpected = isExpected && (isIncluded ? value >= bound : value > bound)
                    }
                    if let bound = high.flatMap(Double.init) {
                        isExpected = isExpected && (isIncluded ? value < bound : value <= bound)
                    }
                    let isRead = grammar.map { reads(text, $0) } ?? false
                    guard isRead != isExpected else { continue }
                    Issue.record("\(low ?? "none") to \(high ?? "none"), integer \(isInteger): \(text)")
                    return
                }
            }
        }
    }

    @Test func zerosAndSignsAreWrittenOnce() throws {
        let range = try #require(
            NumberRange(
                from: NumberRange.Bound("-5", isIncluded: true),
                to: NumberRange.Bound("100", isIncluded: true),
                isInteger: false
            ).expression)
        let grammar = try Grammar(range)
        for text in ["0", "0.0", "-0.1", "100.00", "-5", "-5.0", "7"] {
            #expect(reads(text, grammar), "\(text)")
        }
        for text in ["-0", "00", "01", "007", "100.01", "-5.1", "1.", "+1", "1e1"] {
            #expect(!reads(text, grammar), "\(text)")
        }
    }

    @Test func boundsThatAreNoPlainNumbersAreRefused() {
        for text in ["", "1e5", "a", "1.2.3", ".5", "5.", "12345678901234567"] {
            #expect(NumberRange.Bound(text, isIncluded: true) == nil, "\(text)")
        }
    }
}

@Suite struct StringPatternTests {
    @Test(arguments: [
        ("^a+b?$", ["a", "aab"], ["b", "", "abb", "xab"]),
        ("b", ["b", "abc", "\u{E9}b"], ["", "ac"]),
        ("^ab", ["ab", "abc"], ["cab", "a"]),
        ("ab$", ["ab", "cab"], ["abc"]),
        ("^x|y$", ["x", "xa", "y", "ay"], ["ax", "ya"]),
        ("^(?:foo|ba[rz])+$", ["foo", "barbaz"], ["fo", "bat"]),
        ("^[A-Z]{2}-\\d{3,4}$", ["AB-123", "ZZ-0000"], ["A-123", "AB-12", "AB-12345", "ab-123"]),
        ("^[^0-9]*$", ["", "abc", "\u{E9}\u{1F600}"], ["a1"]),
        ("^\\w+@\\w+\\.(com|org)$", ["a_1@b.com", "x@y.org"], ["@b.com", "a@b.net", "a@bXcom"]),
        ("^[\\w.-]+$", ["a-b.c"], ["a b"]),
        ("^[]a-]$", ["]", "a", "-"], ["b"]),
        ("^\\S{2}\\s\\D$", ["ab c", "ab\\tc"], ["ab 1", "a  c"]),
        ("^(?<year>\\d{4})$", ["2026"], ["206"]),
        ("^.{2,}?$", ["ab", "\u{E9}\u{E9}\u{E9}"], ["a", "a\\n"]),
        ("^[\"\\\\/]$", ["\\\"", "\\\\", "/"], ["\"", "\\"]),
        ("^[\u{E0}-\u{FF}]$", ["\u{E9}"], ["\u{100}", "e"]), ("^a{,2}$", ["a{,2}"], ["a", "aa"]),
        ("^$", [""], ["a"]),
    ])
    func textsAreThoseOfThePattern(pattern: String, good: [String], bad: [String]) throws {
        let grammar = try Grammar(StringPattern.expression(pattern), rules: JSONGrammar.rules)
        for text in good { #expect(reads(text, grammar), "\(text)") }
        for text in bad { #expect(!reads(text, grammar), "\(text)") }
    }

    @Test(arguments: [
        ("(a", 2, "a '(' without ')'"), ("a)", 1, "a ')' without '('"), ("[a", 2, "a '[' without ']'"),
        ("*a", 1, "nothing stands before '*'"), ("a\\", 2, "the pattern ends with a backslash"),
        ("(?=a)", 2, "only plain groups are read"), ("(?<!a)", 3, "only plain groups are read"),
        ("(a)\\1", 5, "'\\1' is not read here"), ("\\bx", 2, "'\\b' is not read here"),
        ("a+*", 3, "nothing stands before '*'"), ("a$b", 2, "'$' is read at the end only"),
        ("(^a)", 2, "'^' is read at the ends of the whole only"),
        ("[z-a]", 4, "a range needs two characters in rising order"),
        ("a{5,2}", 1, "counts go from 0 to 100000"),
        ("a{0,999999999}", 1, "counts go from 0 to 100000"),
        ("[^\u{E9}]", 4, "'[^' is read with ASCII characters only"),
        ("[\u{80}-\u{10000}]", 4, "a range beyond ASCII holds more than 1024 characters"),
    ])
    func otherPatternsAreRefused(pattern: String, position: Int, problem: String) {
        #expect(throws: PatternError(position: position, problem: problem)) {
            try StringPattern.expression(pattern)
        }
    }

    @Test func longPatternsAreRefused() throws {
        #expect(throws: PatternError(position: 0, problem: "more than 4096 bytes are not read")) {
            try StringPattern.expression(String(repeating: "{", count: 4097))
        }
        _ = try StringPattern.expression(String(repeating: "{", count: 4096))
    }

    @Test func groupsAreNotNestedForEver() {
        let pattern = String(repeating: "(", count: 100) + String(repeating: ")", count: 100)
        #expect(throws: PatternError(position: 64, problem: "groups are nested more than 64 deep")) {
            try StringPattern.expression(pattern)
        }
    }
}
