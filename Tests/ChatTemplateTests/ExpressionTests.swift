import ChatTemplate
import Testing

/// Expected texts were printed by jinja2 3.1.6 with the settings of transformers (trim_blocks, lstrip_blocks,
/// loop controls, its `tojson`) from the variables of `Sample`.
@Suite struct ExpressionTests {
    @Test(
        arguments: [
            ("{{ x + y }} {{ x - y }} {{ x * y }} {{ x / 2 }}", "-2 12 -35 2.5"),
            (
                "{{ y // 2 }} {{ y % 3 }} {{ 7 % -3 }} {{ -7 // -2 }} {{ -7.5 % 2 }} {{ 7.5 // 2 }}",
                "-4 2 -2 3 0.5 3.0"
            ),
            (
                "{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 9 ** 0.5 }}",
                "1024 0.5 64 4 3.0"
            ),
            ("{{ 1 + 2 * 3 - 4 / 2 }} {{ (1 + 2) * 3 }} {{ 10 - 2 - 3 }} {{ 7 // 2 * 2 }}", "5.0 9 5 6"),
            ("{{ 1 - -1 }} {{ - -x }} {{ -true }} {{ +x }} {{ true + true }}", "2 5 -1 5 2"),
            (
                "{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1E5 }} {{ 1.5e-7 }}",
                "1000 31 5 15 100000.0 1.5e-07"
            ),
            ("{{ 'ab' * 3 }} {{ 2 * 'x' }} {{ [0] * 2 }} {{ 'a' * -1 }}", "ababab xx [0, 0] "),
            ("{{ [1] + [2] }} {{ (1,) + (2,) }}", "[1, 2] (1, 2)"),
            ("{{ '%s-%d' % ('a', 3) }} {{ '%.1f%%' % 12.35 }} {{ '%r' % s }}", "a-3 12.3% 'Hello World'"),
        ])
    func arithmeticFollowsPython(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            ("{{ 'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1] ~ missing }}", "a1NoneTrue1.0[1]"),
            ("{{ 1 ~ 2 * 3 }} {{ 'a' ~ 2 ** 3 }}", "16 a8"),
            (#"{{ 'a' 'b' "c" }}"#, "abc"),
        ])
    func tildeJoinsAnything(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            ("{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ true == 1 }}", "True False True True"),
            (
                "{{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ [1] == (1,) }} {{ missing == other }}",
                "True True False True"
            ),
            (
                "{{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ 2 >= 2 }} {{ 1 != 2 }} {{ none == none }}",
                "True True True True"
            ),
            (
                "{{ 'b' in 'abc' }} {{ 'z' not in 'abc' }} {{ 1 in l }} {{ 'a' in d }} {{ 'a' in missing }}",
                "True True True True False"
            ),
            (
                "{{ not 1 == 2 }} {{ x and 'y' }} {{ z or 'w' }} {{ not not x }} {{ n and x }}",
                "True y w True None"
            ),
            (#"{{ 'é' == 'e\u0301' }} {{ {'é': 1}['e\u0301'] is defined }}"#, "False False"),
        ])
    func comparisonsAndMembership(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            (
                "{{ 'a' if x else 'b' }} {{ 'a' if z else 'b' }} {{ 'a' if z }}| {{ ('a' if z) is defined }}",
                "a b | False"
            ),
            (#"{{ 1 if z else 2 if z else 3 }} {{ "a" if x > 3 else "b" ~ "c" }}"#, "3 a"),
        ])
    func conditionalExpressions(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            (
                "{{ s[0] }}{{ s[-1] }} {{ s[1:4] }} {{ s[::-1] }} {{ s[-3:] }} {{ s[:-3] }} {{ s[::2] }} {{ s[100] }}|",
                "Hd ell dlroW olleH rld Hello Wo HloWrd |"
            ),
            (
                "{{ l[1:] }} {{ l[::-1] }} {{ l[:none] }} {{ (1, 2, 3)[1:] }} {{ s[10:2:-2] }} {{ s[100:] }}|",
                "[1, 2] [2, 1, 3] [3, 1, 2] (2, 3) drWo |"
            ),
            (
                "{{ d['a'] }} {{ d.b }} {{ d['items'] }} {{ d.zz }}| {{ ms.0.role }} {{ ms[1]['x'].y[1] }} {{ n.foo }}|",
                "2 1 3 | user 2 |"
            ),
            (
                "{{ s['upper']() }} {{ d['keys']() | list }} {{ d.items() | list }}",
                "HELLO WORLD ['b', 'a', 'items'] [('b', 1), ('a', 2), ('items', 3)]"
            ),
            (#"{{ 'a\r\nb' | length }} {{ '👩‍👩‍👧'[0] }} {{ '👩‍👩‍👧' | length }}"#, "4 👩 5"),
        ])
    func elementsSlicesAndAttributes(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            (
                "{{ [1, 2,] }} {{ (1,) }} {{ () }} {{ {} }} {{ {'a': 1, 'b': [1],} }} {{ 1, 2 }} {{ (1) }}",
                "[1, 2] (1,) () {} {'a': 1, 'b': [1]} (1, 2) 1"
            ),
            (
                "{{ {1: 2, none: 3, 1.5: 5} }} {{ {'a': 1, 'a': 2} }} {{ {'a': {'b': {}}} }}",
                "{1: 2, None: 3, 1.5: 5} {'a': 2} {'a': {'b': {}}}"
            ),
            (#"{{ 'a\tb\'\"\\ \x41 \u00e9 \U0001F600 \101 \q' }}"#, "a\tb'\"\\ A é 😀 A \\q"),
            (
                "{{ True }} {{ False }} {{ None }} {{ true }} {{ [none, false] }}",
                "True False None True [None, False]"
            ),
        ])
    func literalsOfEveryKind(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            (
                "{{ 1.0 }} {{ 1e15 }} {{ 1e16 }} {{ 1e-4 }} {{ 1e-5 }} {{ 0.1 + 0.2 }} {{ 5e-324 }} {{ 1/3 }} {{ 2/3*1e20 }}",
                "1.0 1000000000000000.0 1e+16 0.0001 1e-05 0.30000000000000004 5e-324 0.3333333333333333 6.666666666666666e+19"
            ),
            ("{{ nest }}", "{'a': [1, {'b': None, 'c': [True, 1.0, 'x']}]}"),
            (
                #"{{ ["it's", 'say "hi"', 'both \' and "', 'a\nb\\'] }}"#,
                #"["it's", 'say "hi"', 'both \' and "', 'a\nb\\']"#
            ),
            (
                #"{{ ['\x00\x7f\xa0', 'é', '\u2028'] }} {{ [-0.0, 1e20] }}"#,
                #"['\x00\x7f\xa0', 'é', '\u2028'] [-0.0, 1e+20]"#
            ),
        ])
    func valuesPrintAsInPython(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }
}
