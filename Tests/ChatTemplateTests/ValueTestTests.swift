import ChatTemplate
import Testing

/// Expected texts were printed by jinja2 3.1.6 with the settings of transformers (trim_blocks, lstrip_blocks,
/// loop controls, its `tojson`) from the variables of `Sample`.
@Suite struct ValueTestTests {
    @Test(
        arguments: [
            (
                "{{ x is defined }} {{ missing is undefined }} {{ n is none }} {{ n is not none }} {{ missing is none }}",
                "True True True False False"
            ),
            (
                "{{ s is string }} {{ x is number }} {{ t is number }} {{ t is boolean }} {{ 1 is boolean }} {{ t is true }} {{ 1 is true }}",
                "True True True True False True False"
            ),
            (
                "{{ d is mapping }} {{ l is mapping }} {{ l is iterable }} {{ s is iterable }} {{ x is iterable }} {{ n is iterable }}",
                "True False True True False False"
            ),
            (
                "{{ l is sequence }} {{ d is sequence }} {{ x is sequence }} {{ l | map('int') is sequence }}",
                "True True False False"
            ),
            (
                "{{ x is integer }} {{ fl is integer }} {{ fl is float }} {{ x is odd }} {{ x is even }} {{ x is divisibleby 5 }}",
                "True False True True False True"
            ),
            (
                "{{ x is eq 5 }} {{ x is equalto 6 }} {{ x is ne 5 }} {{ x is gt 3 }} {{ x is lt(3) }} {{ x is ge 5 }} {{ x is le 4 }}",
                "True False False True False True False"
            ),
            (
                "{{ x is in [5] }} {{ 'AB' is upper }} {{ 'ab' is lower }} {{ range is callable }} {{ x is callable }} {{ x is sameas x }}",
                "True True True True False True"
            ),
            (
                "{{ 'upper' is filter }} {{ 'nothing' is filter }} {{ 'odd' is test }} {{ not x is defined }} {{ x is defined and y is defined }}",
                "True False True False True"
            ),
        ])
    func valuesAreTested(source: String, expected: String) throws {
        #expect(try Sample.render(source) == expected)
    }
}
