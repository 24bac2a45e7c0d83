import Testing

@testable import WireAPI

@Suite struct JSONTests {
    @Test(arguments: [
        (
            #"{"b": 1, "a": [true, null, -2.5e1, "x\n\u00e9\ud83d\ude00"]}"#,
            #"{"b":1,"a":[true,null,-25.0,"x\né😀"]}"#
        ),
        ("\u{FEFF} [] ", "[]"),
        (#"{"a": 1, "b": 2, "a": 3}"#, #"{"a":3,"b":2}"#),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "9.223372036854776e+18"),
        (#""\ud800x""#, "\"\u{FFFD}x\""),
        (#""\u0001\u007f""#, #""\u0001\u007f""#),
    ])
    func readsAndWrites(text: String, expected: String) throws {
        #expect(try JSONValue(parsing: text).text == expected)
    }

    @Test(arguments: [
        ("", 1, 1, "the text is empty, expected a JSON value"),
        ("{\"a\": 1,\n  }", 2, 3, "expected a member name in quotes, found '}'"),
        ("{\"a\" 1}", 1, 6, "expected ':' after \"a\", found '1'"),
        ("[1 2]", 1, 4, "expected ',' or ']', found '2'"),
        ("[1,", 1, 4, "expected a JSON value, found the end of the text"),
        ("tru", 1, 1, "expected true"),
        ("01", 1, 1, "a number does not begin with 0"),
        ("1.", 1, 3, "expected a digit, found the end of the text"),
        ("-", 1, 2, "expected a digit, found the end of the text"),
        ("1e999", 1, 1, "the number 1e999 is too large"),
        ("\"a", 1, 1, "the string has no closing quote"),
        ("\"\\x\"", 1, 2, "\\'x' is no escape of JSON"),
        ("\"\\u12G4\"", 1, 6, "expected four hexadecimal digits after \\u, found 'G'"),
        ("\"a\tb\"", 1, 3, "a control character (0x09) in a string; write it as \\u0009"),
        ("{} x", 1, 4, "found 'x' after the end of the JSON value"),
        ("'a'", 1, 1, "expected a JSON value, found '''"),
    ])
    func namesPlaceAndProblem(text: String, line: Int, column: Int, problem: String) {
        #expect(throws: JSONSyntaxError(line: line, column: column, problem: problem)) {
            try JSONValue(parsing: text)
        }
    }

    @Test func otherEncodingsAreRefusedWithTheirPlace() {
        let expected = JSONSyntaxError(line: 1, column: 3, problem: "byte 0xFF is not UTF-8")
        #expect(throws: expected) { try JSONValue(parsing: [0x5B, 0x22, 0xFF, 0x22, 0x5D]) }
    }

    /// The limit is an error, and the deepest text within it is read.
    @Test func nestingIsBounded() throws {
        let depth = JSONValue.maximumDepth
        let deepest = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(try JSONValue(parsing: deepest).text == deepest)
        let problem = "lists and objects are nested more than \(depth) deep"
        for opening in [#"["#, #"{"a":"#] {
            let text = String(repeating: opening, count: 1_000_000 / opening.utf8.count)
            #expect(
                throws: JSONSyntaxError(line: 1, column: depth * opening.utf8.count + 1, problem: problem)
            ) {
                try JSONValue(parsing: text)
            }
        }
    }

    @Test func everyPrefixOfATextIsRefused() throws {
        let text = Array(#"{"a":[1.5e3,"\u00e9\"",true],"b":{"c":null}}"#.utf8)
        _ = try JSONValue(parsing: text)
        for count in text.indices {
            #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: Array(text[..<count])) }
        }
    }

    @Test func numbersThatJSONCannotSayAreNull() {
        let value: JSONValue = [.double(.infinity), .double(.nan), .double(0.1), .double(1e-7)]
        #expect(value.text == "[null,null,0.1,1e-07]")
    }

    @Test func objectsKeepTheirOrder() {
        var object: JSONObject = ["z": 1, "a": 2]
        object["z"] = nil
        object["z"] = 3
        #expect(object.keys == ["a", "z"])
        #expect(object.count == 2)
    }
}
