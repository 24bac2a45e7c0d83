import ChatTemplate
import Testing

/// Expected texts were printed by jinja2 3.1.6 with the settings of transformers (trim_blocks, lstrip_blocks,
/// loop controls, its `tojson`) from the variables of `Sample`.
@Suite struct MethodTests {
    @Test(
        arguments: [
            (
                "{{ 'a,b,,c'.split(',') }} {{ 'a,b,,c'.split(',', 1) }} {{ 'a,b,,c'.rsplit(',', 1) }} {{ ' a  b '.split() }}",
                "['a', 'b', '', 'c'] ['a', 'b,,c'] ['a,b,', 'c'] ['a', 'b']"
            ),
            (
                "{{ ' a  b c '.split(none, 1) }} {{ ' a  b c '.rsplit(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'aaa'.rsplit('aa') }}",
                "['a', 'b c '] [' a  b', 'c'] [] [''] ['a', '']"
            ),
            (
                #"{{ '  x '.strip() }}|{{ '  x '.lstrip() }}|{{ '  x '.rstrip() }}|{{ 'xxabcxx'.strip('x') }}|{{ '\n x\n'.lstrip('\n') }}|"#,
                "x|x |  x|abc| x\n|"
            ),
            (
                "{{ s.startswith('Hell') }} {{ s.startswith(('A', 'H')) }} {{ s.endswith('x') }} {{ s.startswith('W', 6) }}",
                "True True False True"
            ),
            (
                "{{ s.find('o') }} {{ s.rfind('o') }} {{ s.find('zz') }} {{ s.find('o', 5) }} {{ s.index('W') }} {{ 'aaaa'.count('aa') }}",
                "4 7 -1 7 6 2"
            ),
            (
                #"{{ 'ab'.replace('', '-') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ ','.join(['a', 'b']) }} {{ 'a\r\nb\rc'.splitlines() }}"#,
                "-a-b- bba a,b ['a', 'b', 'c']"
            ),
            (
                "{{ s.removeprefix('Hello') }} {{ s.removesuffix('World') }} {{ s.partition(' ') }} {{ s.rpartition('o') }}",
                " World Hello  ('Hello', ' ', 'World') ('Hello W', 'o', 'rld')"
            ),
            (
                "{{ '12'.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ 'AB'.isupper() }} {{ ''.isdigit() }}",
                "True True True True True False"
            ),
            (
                #"{{ "it's hELLO".title() }} {{ 'aB'.swapcase() }} {{ 'aB'.capitalize() }} {{ s.upper() }} {{ s.lower() }}"#,
                "It'S Hello Ab Ab HELLO WORLD hello world"
            ),
            (
                "{{ '-5'.zfill(4) }} {{ 'a'.ljust(3) }}| {{ 'a'.rjust(3, '.') }} {{ 'ab'.center(5, '*') }}",
                "-005 a  | ..a **ab*"
            ),
            (
                "{{ '{} {}'.format(1, 'a') }} {{ '{a}-{b}{{}}'.format(a=1, b=none) }} {{ '{:.2f}'.format(1.005) }}",
                "1 a 1-None{} 1.00"
            ),
        ])
    func methodsOfStrings(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            (
                "{{ d.get('a') }} {{ d.get('zz') }} {{ d.get('zz', 5) }} {{ d.keys() | list }} {{ d.values() | list }} {{ d.copy() }}",
                "2 None 5 ['b', 'a', 'items'] [1, 2, 3] {'b': 1, 'a': 2, 'items': 3}"
            ),
            (
                "{{ l.index(2) }} {{ l.count(9) }} {{ (1, 2).index(2) }} {{ dict(a=1) }} {{ dict({'q': 1}, w=2) }} {{ dict([('a', 1)]) }}",
                "2 0 1 {'a': 1} {'q': 1, 'w': 2} {'a': 1}"
            ),
        ])
    func methodsThatRead(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }

    @Test(
        arguments: [
            ("{{ l.append(4) }}{{ l }}", "None[3, 1, 2, 4]"),
            ("{{ l.pop() }}{{ l.pop(0) }}{{ l }}", "23[1]"),
            (
                "{{ l.extend([9, 8]) }}{{ l.insert(0, 7) }}{{ l.remove(9) }}{{ l.reverse() }}{{ l }}",
                "NoneNoneNoneNone[8, 2, 1, 3, 7]"
            ),
            (
                "{{ d.pop('a') }}{{ d.update({'q': 1}) }}{{ d.setdefault('w', 5) }}{{ d }}",
                "2None5{'b': 1, 'items': 3, 'q': 1, 'w': 5}"
            ),
        ])
    func methodsThatChange(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }
}
