import ChatTemplate
import Testing

/// Expected texts were printed by jinja2 3.1.6 with the settings of transformers (trim_blocks, lstrip_blocks,
/// loop controls, its `tojson`) from the variables of `Sample`.
@Suite struct FilterTests {
    @Test(
        arguments: [
            (
                #"{{ s | upper }} {{ s | lower }} {{ 'hELLO wORLD' | capitalize }} {{ "hello-world (foo) it's" | title }}"#,
                "HELLO WORLD hello world Hello world Hello-World (Foo) It's"
            ),
            (
                "{{ '  a ' | trim }}| {{ 'xxaxx' | trim('x') }} {{ s | replace('l', 'L', 1) }} {{ s | reverse }} {{ s | wordcount }}",
                "a| a HeLlo World dlroW olleH 2"
            ),
            (
                "{{ html | e }} {{ html | safe }} {{ s | center(15) }}| {{ 5 | string + 'a' }}",
                #"&lt;a href=&#34;x&#34;&gt;&amp;&#39; <a href="x">&'   Hello World  | 5a"#
            ),
            (
                "{{ '<b>' + html | safe }} {{ html | safe ~ '<b>' }}",
                #"&lt;b&gt;<a href="x">&' <a href="x">&'<b>"#
            ),
            (#"{{ 'a\nb\n\nc' | indent }}"#, "a\n    b\n\n    c"),
            (
                #"{{ 'a\nb' | indent(2, true) }} {{ 'a\n\nb' | indent('> ', blank=true) }}"#,
                "  a\n  b a\n> \n> b"
            ),
            (
                "{{ 'hello big world' | truncate(9) }} {{ 'hello big world' | truncate(9, true) }}",
                "hello... hello ..."
            ),
            ("{{ '%s is %d' | format('x', 3) }}", "x is 3"),
        ])
    func filtersOfText(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            (
                "{{ '42' | int }} {{ ' 3.7 ' | int }} {{ 'abc' | int }} {{ 'abc' | int(7) }} {{ 'ff' | int(0, 16) }} {{ '0x1f' | int(base=16) }}",
                "42 3 0 7 255 31"
            ),
            (
                "{{ 3.9 | int }} {{ none | int }} {{ '1e3' | float }} {{ 'x' | float(1.5) }} {{ 5 | float }}",
                "3 0 1000.0 1.5 5.0"
            ),
            (
                "{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.567 | round(2) }} {{ 2.1 | round(method='ceil') }} {{ 42 | round }} {{ 1.005 | round(2) }}",
                "2.0 4.0 2.57 3.0 42 1.0"
            ),
            ("{{ -5 | abs }} {{ (-2.5) | abs }}", "5 2.5"),
        ])
    func filtersOfNumbers(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            (
                "{{ l | join(',') }} {{ ms | join(', ', attribute='role') }} {{ [1, none, true] | join('-') }}",
                "3,1,2 user, assistant, user 1-None-True"
            ),
            (
                "{{ l | first }} {{ l | last }} {{ le | first }}| {{ l | length }} {{ d | count }} {{ 'ab' | list }} {{ l | reverse | list }}",
                "3 2 | 3 3 ['a', 'b'] [2, 1, 3]"
            ),
            (
                "{{ strs | sort }} {{ strs | sort(case_sensitive=true) }} {{ l | sort(reverse=true) }}",
                "['A', 'b', 'B', 'c'] ['A', 'B', 'b', 'c'] [3, 2, 1]"
            ),
            (
                "{{ ms | sort(attribute='n') | map(attribute='n') | list }} {{ ms | sort(attribute='role,n') | map(attribute='content') | join }}",
                "[1, 2, 3] bAC"
            ),
            (
                "{{ l | max }} {{ l | min }} {{ strs | min }} {{ le | max }}| {{ l | sum }} {{ ms | sum(attribute='n') }} {{ le | sum(start=5) }}",
                "3 1 A | 6 6 5"
            ),
            (
                "{{ [1, 1, 2, 'A', 'a'] | unique | list }} {{ ms | map(attribute='x.y.1', default='-') | list }}",
                "[1, 2, 'A'] ['-', 2, '-']"
            ),
            (
                "{{ strs | map('upper') | list }} {{ strs | map('replace', 'b', 'z') | list }}",
                "['B', 'A', 'C', 'B'] ['z', 'A', 'c', 'B']"
            ),
            (
                "{{ l | select('odd') | list }} {{ l | reject('gt', 1) | list }} {{ [0, 1, '', none] | select | list }} {{ none | select | list }}",
                "[3, 1] [1] [1] []"
            ),
            (
                "{{ ms | selectattr('role', 'equalto', 'user') | list | length }} {{ ms | rejectattr('x') | list | length }}",
                "2 2"
            ),
            (
                "{{ d | items | list }} {{ d | dictsort }} {{ {'B': 1, 'a': 2} | dictsort(by='value', reverse=true) }}",
                "[('b', 1), ('a', 2), ('items', 3)] [('a', 2), ('b', 1), ('items', 3)] [('a', 2), ('B', 1)]"
            ),
            ("{{ l | batch(2, 'x') | list }} {{ l | slice(2) | list }}", "[[3, 1], [2, 'x']] [[3, 1], [2]]"),
            (
                "{% for role, group in ms | groupby('role') %}{{ role }}:{{ group | length }};{% endfor %}",
                "assistant:1;user:2;"
            ),
            (
                "{{ 'yes' if le | select('odd') else 'no' }} {% set g = l | map('string') %}{{ g | list }}{{ g | list }}",
                "yes ['3', '1', '2'][]"
            ),
            (
                "{{ missing | default('a') }} {{ n | default('a') }} {{ '' | d('a', true) }} {{ missing | list }} {{ missing | length }}",
                "a None a [] 0"
            ),
        ])
    func filtersOfLists(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            (
                "{{ nest | tojson }} {{ le | tojson(indent=2) }} {{ {} | tojson(indent=2) }} {{ html | tojson }}",
                #"{"a": [1, {"b": null, "c": [true, 1.0, "x"]}]} [] {} "<a href=\"x\">&'""#
            ),
            (
                "{{ nest | tojson(indent=2) }}",
                "{\n  \"a\": [\n    1,\n    {\n      \"b\": null,\n      \"c\": [\n        true,\n        1.0,\n        \"x\"\n      ]\n    }\n  ]\n}"
            ),
            (
                #"{{ 'é\u2028\x7f"\\\n\x01' | tojson }} {{ 'é👩' | tojson(ensure_ascii=true) }}"#,
                "\"é \u{7F}\\\"\\\\\\n\\u0001\" \"\\u00e9\\ud83d\\udc69\""
            ),
            (
                "{{ d | tojson(sort_keys=true) }} {{ l | tojson(separators=(',', ':')) }} {{ (1, 2) | tojson }}",
                #"{"a": 2, "b": 1, "items": 3} [3,1,2] [1, 2]"#
            ),
            (
                "{{ {1: 2, none: 3, true: 4} | tojson }} {{ 1e100 | tojson }} {{ 1.0 | tojson }} {{ none | tojson }}",
                #"{"1": 4, "null": 3} 1e+100 1.0 null"#
            ),
        ])
    func jsonAsTransformersWritesIt(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }
}
