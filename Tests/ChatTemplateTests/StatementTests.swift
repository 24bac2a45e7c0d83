import ChatTemplate
import Testing

/// Expected texts were printed by jinja2 3.1.6 with the settings of transformers (trim_blocks, lstrip_blocks,
/// loop controls, its `tojson`) from the variables of `Sample`.
@Suite struct StatementTests {
    @Test(
        arguments: [
            (
                "{% for a in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.length }} {% endfor %}",
                "10323 21213 32103 "
            ),
            (
                "{% for a in l %}{{ loop.first }}{{ loop.last }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.depth }} {% endfor %}",
                "TrueFalse11 FalseFalse321 FalseTrue11 "
            ),
            (
                "{% for a in l %}{{ loop.cycle('o', 'e') }}{{ loop.changed(a // 2) }} {% endfor %}",
                "oTrue eTrue oTrue "
            ),
            (
                "{% for a in l if a > 1 %}{{ loop.index }}/{{ loop.length }}:{{ a }} {% else %}no{% endfor %}",
                "1/2:3 2/2:2 "
            ),
            (
                "{% for a in l if a > 10 %}{{ a }}{% else %}none{% endfor %}{% for a in missing %}{% else %}nothing{% endfor %}",
                "nonenothing"
            ),
            ("{% for a in l %}{% if a == 1 %}{% continue %}{% endif %}{{ a }}{% endfor %}", "32"),
            ("{% for a in l %}{% if a == 1 %}{% break %}{% endif %}{{ a }}{% endfor %}", "3"),
            (
                "{% for a in l %}{% for b in l %}{{ a }}{{ b }}{% if b == 1 %}{% break %}{% endif %}{% endfor %}{{ loop.index }};{% endfor %}",
                "33311;13112;23213;"
            ),
            (
                "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }}{% endfor %} {% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
                "1234 123"
            ),
            (
                "{% for k in d %}{{ k }}{% endfor %} {% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %} {% for c in 'ab' %}{{ c }}-{% endfor %}",
                "baitems b=1;a=2;items=3; a-b-"
            ),
            (
                "{% for i in range(3) %}{{ i }}{% endfor %} {% for i in range(1, 10, 3) %}{{ i }}{% endfor %} {{ range(5, 0, -2) | list }}",
                "012 147 [5, 3, 1]"
            ),
        ])
    func loopsAndTheirVariable(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            ("{% set a = 1 %}{% for i in l %}{% set a = a + i %}{{ a }}{% endfor %} {{ a }}", "423 1"),
            ("{% set a, b = 1, 2 %}{% set a, b = b, a %}{{ a }}{{ b }}", "21"),
            (
                "{% set ns = namespace(a=1) %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }} {{ ns.zz is defined }}",
                "7 False"
            ),
            (
                "{% set a %}hi {{ x }}{% endset %}[{{ a }}]{% set a | upper | replace('H', 'J') %}hi{% endset %}{{ a }}",
                "[hi 5]JI"
            ),
            (
                "{% if x == 5 %}{% set inner = 1 %}{% endif %}{{ inner }} {% if z %}a{% elif n %}b{% else %}c{% endif %}",
                "1 c"
            ),
            ("{% with a = 1, b = x %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}", "15False"),
            ("{% filter upper | replace('A', 'b') %}abc {{ x }}{% endfilter %}", "bBC 5"),
            ("{% generation %}gen{% set g = 1 %}{% endgeneration %}{{ g is defined }}", "genFalse"),
            (
                "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }} {% set j = joiner('; ') %}{{ j() }}a{{ j() }}b",
                "aba a; b"
            ),
        ])
    func assignmentsAndScopes(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            (
                "{% macro m(a, b=2, c='z') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(c=1, a=2) }} {{ m() }}",
                "12z 13z 221 2z"
            ),
            ("{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(4) }}", "4"),
            (
                "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, k=4) }}",
                "1(2, 3){'k': 4}"
            ),
            (
                "{% macro m(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call m('b') %}in {{ x }}{% endcall %}",
                "<b>in 5</b>"
            ),
            (
                "{% macro m() %}{% for i in [1, 2] %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) m() %}[{{ i }}]{% endcall %}",
                "[1][2]"
            ),
            (
                "{% macro f(k) %}{% if k < 2 %}1{% else %}{{ k * f(k - 1) | int }}{% endif %}{% endmacro %}{{ f(5) }}",
                "120"
            ),
            (
                "{% macro m() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ m() }}{% set later = 6 %}{{ m() }}",
                "56"
            ),
            ("{% set g = 1 %}{% macro m() %}{% set g = 2 %}{{ g }}{% endmacro %}{{ m() }}{{ g }}", "21"),
            ("{% macro a() %}A{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "AB"),
        ])
    func macrosAndCallBlocks(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }
}
