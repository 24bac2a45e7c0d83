import ChatTemplate
import Testing

@Suite struct ErrorTests {
    @Test(
        arguments: [
            ("a\n{{ x", "\"{{\" that begins here has no \"}}\"", 2),
            ("{% if x", "\"{%\" that begins here has no \"%}\"", 1),
            ("\n\n{# never", "a comment that begins here has no end \"#}\"", 3),
            ("{% raw %} {{ x }}", "\"raw\" that begins here has no \"endraw\"", 1),
            ("{{ 'abc }}", "a string that begins here has no end", 1),
            ("\n{% if x %}\n", "\"if\" that begins here has no \"endif\"", 2),
            ("{% for i in l %}{% endif %}", "\"endif\" closes nothing", 1),
            ("{% nosuch %}", "unknown tag \"nosuch\"", 1),
            ("{% break %}", "\"break\" outside of a loop", 1),
            ("{{ }}", "\"}}\" where a value is due", 1),
            ("{{ 1 2 }}", "2 where \"}}\" is due", 1),
            ("{{ x. }}", "\"}}\" where a name is due", 1),
            ("{{ (1] }}", "\"]\" where \")\" is due", 1),
            ("{{ 1) }}", "\")\" closes nothing", 1),
            ("{{ {'a' 1} }}", "1 where \":\" is due", 1),
            ("{{ x @ y }}", "unexpected character \"@\"", 1),
            ("{{ 99999999999999999999 }}", "the number 99999999999999999999 does not fit 64 bits", 1),
            ("{{ '\\xzz' }}", "\"\\x\" is not followed by 2 digits of a character", 1),
            ("{{ f(a=1, 2) }}", "an argument without a name follows one with", 1),
            ("{% macro m(a=1, b) %}{% endmacro %}", "parameter \"b\" without a default follows one with", 1),
            ("{% set true = 1 %}", "\"true\" cannot be assigned to", 1),
            ("{% call 5 %}{% endcall %}", "\"call\" is not followed by the call of a macro", 1),
            ("{{ x is defined is defined }}", "a test of a test; use \"and\"", 1),
        ])
    func textThatIsNotJinjaIsRefused(source: String, message: String, line: Int) {
        #expect(throws: TemplateError.syntax(message: message, line: line)) {
            try ChatTemplate(source: source)
        }
    }

    @Test(
        arguments: [
            ("a\n{% include 'x' %}", "the tag \"include\"", 2),
            ("{% extends 'x' %}", "the tag \"extends\"", 1),
            ("{% do l.append(1) %}", "the tag \"do\"", 1),
            ("\n{{ x | urlize }}", "the filter \"urlize\"", 2),
            ("{{ x is prime }}", "the test \"prime\"", 1),
            ("{% for a in b recursive %}{% endfor %}", "a recursive loop", 1),
            ("{{ f(*x) }}", "an argument list taken from a value (\"*\" or \"**\")", 1),
            ("{{ x[1, 2] }}", "a subscript of several values", 1),
            ("{{ '\\N{DASH}' }}", "the string escape \"\\N\"", 1),
        ])
    func jinjaThatIsMissingIsNamedWithItsLine(source: String, construct: String, line: Int) {
        let error = TemplateError.unsupported(construct: construct, line: line)
        #expect(throws: error) { try ChatTemplate(source: source) }
        #expect(
            error.description
                == "template line \(line): \(construct) is not supported; use a template without it")
    }

    /// As in jinja2: a template may hold another engine's filter in a branch that is not taken.
    @Test func unknownFilterUnderAConditionFailsWhenReached() throws {
        let source = "{% if n %}{{ x | from_json }}{% endif %}{{ (x | from_json) if n else 'fine' }}"
        #expect(try Sample.render(source) == "fine")
        #expect(throws: TemplateError.unsupported(construct: "the filter \"from_json\"", line: 2)) {
            try Sample.render("{% if x %}\n{{ x | from_json }}{% endif %}")
        }
    }

    @Test(
        arguments: [
            ("{{ missing.role }}", "\"missing\" is undefined"),
            ("{{ d.zz.foo }}", "\"dict object\" has no attribute \"zz\""),
            ("{{ l[9].foo }}", "\"list object\" has no element 9"),
            ("{{ s.nothing() }}", "\"str object\" has no attribute \"nothing\""),
            ("{% macro m(a) %}{{ a + 1 }}{% endmacro %}{{ m() }}", "parameter \"a\" was not provided"),
            ("{{ (1 if z) + 1 }}", "the inline \"if\" of line 1 was false and has no \"else\""),
            ("{{ (le | first).role }}", "no first item, the sequence was empty"),
            ("{{ 'a' + 1 }}", "\"+\" does not take str and int"),
            ("{{ 1 < 'a' }}", "\"<\" does not take int and str"),
            ("{{ 1 / z }}", "division by zero"),
            ("{{ 9223372036854775807 + 1 }}", "the result does not fit 64 bits"),
            ("{{ -9223372036854775807 - 2 }}", "the result does not fit 64 bits"),
            ("{{ -'a' }}", "str cannot follow a sign \"-\""),
            ("{{ s() }}", "str is not callable"),
            ("{% for a in n %}{% endfor %}", "a NoneType has no elements to go through"),
            ("{% for a, b in [(1, 2, 3)] %}{% endfor %}", "3 values cannot be unpacked into 2 names"),
            ("{% set x.y = 1 %}", "attribute \"y\" can be set on a namespace only, \"x\" is int"),
            ("{{ 1 in 'abc' }}", "\"in\" of a str needs a str, not int"),
            ("{{ n[1:] }}", "a NoneType cannot be sliced"),
            ("{{ l[::0] }}", "the step of a slice is 0"),
            ("{{ {[1]: 2} }}", "a list cannot be a key of a dictionary"),
            ("{{ missing | tojson }}", "tojson: a value of type Undefined has no JSON form"),
            ("{{ s | items }}", "items: str is not a mapping"),
            ("{{ s | replace('a') }}", "replace needs a value for \"new\""),
            ("{{ s | upper(1) }}", "upper takes 0 arguments, 1 are given"),
            ("{{ s | trim(what=1) }}", "trim has no parameter \"what\""),
            ("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "macro \"m\" takes 1 arguments, 2 are given"),
            ("{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "macro \"m\" has no parameter \"b\""),
            ("{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}", "macro \"m\" got two values for \"a\""),
            ("{{ 'abc'.split('') }}", "split: the separator is empty"),
            ("{{ 'abc'.index('z') }}", "index: 'z' is not in the text"),
            ("{{ [].pop() }}", "pop: index -1 is outside of a list of 0"),
            ("{{ d.pop('zz') }}", "pop: no key 'zz'"),
            ("{{ '{}'.format() }}", "format: no argument 0, 0 are given"),
            ("{{ '%s %s' % 'a' }}", "the format needs more than 1 values"),
            ("{{ strftime_now('%Y') }}", "\"strftime_now\" is undefined"),
        ])
    func misusedValuesAreNamed(source: String, message: String) {
        #expect(throws: TemplateError.runtime(message: message, line: 1)) { try Sample.render(source) }
    }

    @Test func theLineIsThatOfTheExpression() {
        #expect(throws: TemplateError.runtime(message: "\"q\" is undefined", line: 4)) {
            try Sample.render("{# a\n #}{% for i in l %}\n{% set a = [1,\n q.b] %}{% endfor %}")
        }
    }

    @Test func theTemplatesOwnRefusalIsPassedOn() {
        let error = TemplateError.raised(message: "roles must alternate, not user")
        #expect(throws: error) {
            try Sample.render("{{ raise_exception('roles must alternate, not ' ~ ms[0].role) }}")
        }
        #expect(error.description == "the template refuses this conversation: roles must alternate, not user")
    }
}
