import ChatTemplate
import Testing

@Suite struct LimitTests {
    private static func text(_ part: String, _ count: Int) -> String { String(repeating: part, count: count) }

    @Test func sourceSizeIsBounded() {
        #expect(throws: TemplateError.limit(what: "bytes of template source", limit: 1 << 20, line: 1)) {
            try ChatTemplate(source: Self.text("a", (1 << 20) + 1))
        }
    }

    /// Each shape 100,000 deep: an error instead of a stack overflow.
    @Test(
        arguments: [
            ("{{ ", "(", "1", ")", " }}"), ("{{ ", "[", "1", "]", " }}"), ("{{ ", "{'a':", "1", "}", " }}"),
            ("{{ ", "not ", "1", "", " }}"), ("{{ ", "- ", "1", "", " }}"), ("{{ ", "1 + ", "1", "", " }}"),
            ("{{ ", "0 or ", "1", "", " }}"), ("{{ ", "1 ** ", "1", "", " }}"),
            ("{{ x", "", "", " | string", " }}"),
            ("{{ d", "", "", ".a", " }}"), ("{{ l", "", "", "[0]", " }}"), ("{{ ", "l[", "0", "]", " }}"),
            ("{{ ", "range(", "1", ")", " }}"), ("{{ ", "1 if 0 else ", "1", "", " }}"),
            ("{{ 1", " is eq (1", "", ")", " }}"), ("", "{% if 1 %}", "", "{% endif %}", ""),
            ("", "{% for i in l %}", "", "{% endfor %}", ""), ("", "{% set a %}", "", "{% endset %}", ""),
            ("{% set ", "(", "a", ")", " = 1 %}"),
        ])
    func deepNestingIsAnError(before: String, open: String, inner: String, close: String, after: String)
        throws
    {
        let count = 50_000
        let source = before + Self.text(open, count) + inner + Self.text(close, count) + after
        let error = #expect(throws: TemplateError.self) { try ChatTemplate(source: source) }
        guard case .limit(_, let limit, let line) = try #require(error) else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(limit == 100 || limit == 1 << 20)
        #expect(line == 1)
    }

    @Test func longChainsThatDoNotNestArePossible() throws {
        #expect(try Sample.render("{{ ''" + Self.text(" ~ 'ab'", 5000) + " }}").utf8.count == 10_000)
        #expect(
            try Sample.render("{% if 0 %}" + Self.text("{% elif 0 %}", 5000) + "{% else %}z{% endif %}")
                == "z")
    }

    @Test(
        arguments: [
            "{% macro r(k) %}{{ r(k + 1) }}{% endmacro %}{{ r(0) }}",
            "{% macro r(k=r()) %}{{ k }}{% endmacro %}{{ r() }}",
            "{% macro r() %}{{ caller }}{% call r() %}{% endcall %}{% endmacro %}{{ r() }}",
        ])
    func macrosThatCallThemselvesEnd(source: String) {
        #expect(throws: TemplateError.limit(what: "nested evaluations", limit: 200, line: 1)) {
            try Sample.render(source)
        }
    }

    /// A chain of 20,000 lists is built, refused where it must be walked, and given back without recursion.
    @Test(arguments: ["ns.a", "ns.a | tojson", "ns.a == ns.b"])
    func deepValuesAreNotWalked(use: String) {
        let build =
            "{% set ns = namespace(a=[], b=[]) %}{% for i in range(20000) %}"
            + "{% set ns.a = [ns.a] %}{% set ns.b = [ns.b] %}{% endfor %}"
        #expect(throws: TemplateError.limit(what: "lists and objects inside each other", limit: 100, line: 1))
        {
            try Sample.render(build + "{{ " + use + " }}")
        }
        #expect(throws: Never.self) { try Sample.render(build) }
    }

    @Test func aListThatHoldsItselfIsRefusedWhenPrinted() throws {
        #expect(try Sample.render("{% set a = [1] %}{% set _ = a.append(a) %}{{ a | length }}") == "2")
        #expect(throws: TemplateError.limit(what: "lists and objects inside each other", limit: 100, line: 1))
        {
            try Sample.render("{% set a = [1] %}{% set _ = a.append(a) %}{{ a }}")
        }
    }

    @Test func variablesThatNestTooDeepAreRefused() {
        var value = TemplateValue.int(1)
        for _ in 0..<200 { value = .array([value]) }
        #expect(throws: TemplateError.limit(what: "lists and objects inside each other", limit: 100, line: 1))
        {
            try ChatTemplate(source: "").render(["v": value])
        }
    }

    @Test func stepsAreBounded() {
        let limits = RenderLimits(steps: 1000)
        #expect(throws: TemplateError.limit(what: "steps of one rendering", limit: 1000, line: 2)) {
            try Sample.render("{% for i in range(200) %}\n{{ i }}{% endfor %}", limits: limits)
        }
    }

    @Test func outputIsBounded() throws {
        let limits = RenderLimits(outputBytes: 100)
        #expect(try Sample.render("{{ 'ab' * 50 }}", limits: limits) == Self.text("ab", 50))
        #expect(throws: TemplateError.limit(what: "bytes of output", limit: 100, line: 1)) {
            try Sample.render("{{ 'ab' * 50 }}c", limits: limits)
        }
    }

    @Test(
        arguments: [
            "{{ 'ab' * 51 }}", "{{ 'a' * 1000000000000 }}", "{{ s | center(101) }}", "{{ s.zfill(101) }}",
            "{{ s.ljust(101) }}", "{{ 'aaaaaaaaaaaaaaaaaaaa' | replace('a', 'bbbbbb') }}",
            "{{ [1] | tojson(indent=101) }}", "{{ range(40) | join(', ') }}", "{{ 'a\\nb' | indent(100) }}",
            "{{ ('a' * 60) ~ ('a' * 60) }}", "{{ ('a' * 60) + ('a' * 60) }}",
        ])
    func textsAreBoundedBeforeTheyAreMade(source: String) {
        #expect(throws: TemplateError.limit(what: "bytes of text", limit: 100, line: 1)) {
            try Sample.render(source, limits: RenderLimits(outputBytes: 100))
        }
    }

    @Test(arguments: ["range(11)", "range(0, -11, -1)", "range(-9223372036854775807, 9223372036854775807)"])
    func rangesAreBounded(call: String) {
        #expect(throws: TemplateError.limit(what: "elements of a range", limit: 10, line: 1)) {
            try Sample.render("{{ \(call) }}", limits: RenderLimits(rangeLength: 10))
        }
    }

    @Test(arguments: [
        "{{ [1] * 1000000000000 }}", "{{ [1] | batch(1000000000000, 1) | list }}",
        "{{ [1] | slice(1000000000000) | list }}",
    ])
    func listsAreBoundedBeforeTheyAreMade(source: String) {
        #expect(throws: TemplateError.limit(what: "steps of one rendering", limit: 10_000_000, line: 1)) {
            try Sample.render(source)
        }
    }

    /// The corners of 64-bit arithmetic: no trap.
    @Test(
        arguments: [
            ("{{ (-9223372036854775807 - 1) % -1 }}", "0"), ("{{ 1 ** 9223372036854775807 }}", "1"),
            ("{{ 'abc'[9223372036854775807::-9223372036854775807] }}", "c"), ("{{ 0 ** 0 }}", "1"),
            ("{{ (-1) ** 3 }}", "-1"), ("{{ 'abc'[::9223372036854775807] }}", "a"),
            ("{{ (1e308 * 10) | int }}", "0"),
        ])
    func extremeNumbersDoNotTrap(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    /// A template cut at every place either parses or says why not.
    @Test func everyPrefixOfATemplateIsHandled() {
        let source = PublishedStyleTests.toolTemplate
        var parsed = 0
        for end in source.unicodeScalars.indices {
            do throws(TemplateError) {
                _ = try ChatTemplate(source: String(source.unicodeScalars[..<end]))
                parsed += 1
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
        #expect(parsed > 10)
    }
}
