import ChatTemplate
import Testing

/// Expected texts were printed by jinja2 3.1.6 with the settings of transformers (trim_blocks, lstrip_blocks,
/// loop controls, its `tojson`) from the variables of `Sample`.
@Suite struct WhitespaceTests {
    @Test(
        arguments: [
            ("a\n  {% if x %}\n  b\n  {% endif %}\nc", "a\n  b\nc"),
            ("a {% if x %} b {% endif %} c", "a  b  c"),
            ("a\n  {%+ if x %} d\n{% endif +%}\ne", "a\n   d\n\ne"),
            ("  {# c #}\nx\n  {{ x }}\n  y", "x\n  5\n  y"),
            ("  {{ x }}\n  {%- if x -%}\n   y\n  {%- endif %}\nz", "  5yz"),
            ("{% for i in l %}\n  * {{ i }}\n{% endfor %}\nend", "  * 3\n  * 1\n  * 2\nend"),
            ("a\r\n  {% if x %}\r\nb\r\n{% endif %}\r\nc\r\n", "a\nb\nc"),
            ("{% raw %}\n  {{ x }}{% if %}\n {% endraw %}\n b", "\n  {{ x }}{% if %}\n b"),
            ("a\n {%- raw %} {{ x }} {% endraw -%}\n b", "a {{ x }} b"),
            ("  {% set a = 1 %}  {% set b = 2 %}\nx", "  x"),
            ("{{ x }}\n{{ x -}}\n{{- x }}", "5\n55"),
            ("\n{#- a -#}\n\nb\n{#+ c +#}\nd", "b\n\nd"),
            ("end\n\n", "end\n"),
            ("{%if x%}a{%endif%}{%-if x-%} a {%-endif-%} {{x}}", "aa5"),
            ("{ x } {{ '{{' }} {{ '%}' }} }} %} #}", "{ x } {{ %} }} %} #}"),
            ("{{ {'a': {'b': 1}} }}{{ {'a': {'b': {}}}['a'] }}", "{'a': {'b': 1}}{'b': {}}"),
            ("\t{% for i in l %}\t\n {{- i }}\n\t {% endfor %}\n", "3\n1\n2\n"),
            ("\u{A0}{% if x %}q{% endif %}", "q"),
        ])
    func tagsTakeTheWhiteSpaceAroundThem(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }
}
