import ChatTemplate
import Testing

@Suite struct TemplateValueTests {
    @Test func objectsKeepTheOrderOfTheirKeys() {
        var object: OrderedObject = ["z": .int(1), "a": .int(2), "m": .none]
        object["a"] = .int(3)
        object["z"] = nil
        object["z"] = .int(4)
        #expect(object.keys == ["a", "m", "z"])
        #expect(object["a"] == .int(3))
        #expect(object["m"] == TemplateValue.none)
        #expect(object["q"] == nil)
        #expect(object.count == 3)
    }

    @Test func sameMembersInAnotherOrderAreNotEqual() {
        let first: OrderedObject = ["a": .int(1), "b": .int(2)]
        let second: OrderedObject = ["b": .int(2), "a": .int(1)]
        #expect(first == ["a": .int(1), "b": .int(2)])
        #expect(first != second)
    }

    /// JSON keys are compared scalar by scalar, Swift's strings are not.
    @Test func canonicallyEquivalentKeysAreTwo() {
        let object: OrderedObject = ["\u{E9}": .int(1), "e\u{301}": .int(2)]
        #expect(object.count == 2)
        #expect(object["e\u{301}"] == .int(2))
    }

    @Test func undefinedVariablesAreAsIfLeftOut() throws {
        let template = try ChatTemplate(
            source: "{{ a is defined }} {{ b is defined }} {{ b }} {{ c[0] is defined }}")
        let variables: [String: TemplateValue] = ["a": .undefined, "b": .none, "c": .array([.undefined])]
        #expect(try template.render(variables) == "False True None False")
    }

    @Test func aTemplateRendersManyTimesAlike() throws {
        let template = try ChatTemplate(source: "{% set _ = l.append(9) %}{{ l }}")
        for _ in 0..<3 { #expect(try template.render(["l": .array([.int(1)])]) == "[1, 9]") }
    }

    /// 1741529106 is Sunday, 2025-03-09 14:05:06 UTC (`date -u -d @1741529106`); the others are `date`'s too.
    @Test(
        arguments: [
            (1_741_529_106, "%Y-%m-%d %H:%M:%S", "2025-03-09 14:05:06"),
            (1_741_529_106, "%d %b %Y", "09 Mar 2025"),
            (1_741_529_106, "%A, %B %-d, %y %I %p %j %%", "Sunday, March 9, 25 02 PM 068 %"),
            (951_782_400, "%F %T %a", "2000-02-29 00:00:00 Tue"), (-1, "%F %T", "1969-12-31 23:59:59"),
            (0, "%e %u %w", " 1 4 4"),
        ])
    func strftimeWritesTheGivenTime(now: Int, format: String, expected: String) throws {
        let template = try ChatTemplate(source: "{{ strftime_now('\(format)') }}")
        #expect(try template.render([:], now: now) == expected)
    }

    @Test func withoutATimeStrftimeIsUndefined() throws {
        let source = "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}some day{% endif %}"
        #expect(try ChatTemplate(source: source).render([:]) == "some day")
    }
}
