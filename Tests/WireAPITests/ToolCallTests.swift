import Testing

@testable import WireAPI

@Suite struct ToolCallTests {
    private static let call = ToolCall(name: "add", arguments: #"{"a":3,"b":"x > y"}"#)
    private static let json = #"{"name": "add", "arguments": {"a": 3, "b": "x > y"}}"#

    private func read(_ text: String, by length: Int) -> [AnswerPart] {
        WireAPITests.read(text, by: length, .plain, offered: ["add"])
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func callsAreFoundHoweverTheTextArrives(length: Int) {
        let (call, json) = (Self.call, Self.json)
        let cases: [(String, [AnswerPart])] = [
            ("<tool_call>\n\(json)\n</tool_call>", [.call(call)]),
            ("\n<tool_call>\(json)</tool_call>\n", [.call(call)]),
            ("<tool_call>\(json)", [.call(call)]),
            ("I add.\n\n<tool_call>\(json)</tool_call>", [.text("I add."), .call(call)]),
            (
                "<tool_call>\(json)</tool_call>\n<tool_call>\(json)</tool_call>\nDone",
                [.call(call), .call(call), .text("\nDone")]
            ),
            (json, [.call(call)]),
            (" \n\(json)\n", [.call(call)]),
            ("[\(json), \(json)]", [.call(call), .call(call)]),
            (#"{"name": "add", "parameters": {"a": 3, "b": "x > y"}}"#, [.call(call)]),
            (#"{"name": "add", "arguments": "{\"a\": 3, \"b\": \"x > y\"}"}"#, [.call(call)]),
            (#"{"name": "add"}"#, [.call(ToolCall(name: "add", arguments: "{}"))]),
            ("```json\n\(json)\n```", [.call(call)]),
            ("```\n\(json)\n```\nThat adds.", [.call(call), .text("\nThat adds.")]),
            ("```json\n[\(json)]", [.call(call)]),
            ("{\(json)", [.call(call)]),
            ("<tool_call>\n{\(json)}\n</tool_call>", [.call(call)]),
        ]
        for (text, parts) in cases { #expect(read(text, by: length) == parts, "\(text)") }
    }

    @Test(arguments: [1, 2, 5, 1000])
    func whatIsNoCallStaysText(length: Int) {
        for text in [
            "Hello", "a < b", "a <tool", " \n", "<tool_call>", "So: <tool_call>{\"name\": </tool_call> x",
            "<tool_call>{\"name\": \"\"}</tool_call>", "<tool_call>[]</tool_call>",
            "<tool_call>3</tool_call>",
            "<tool_call>{\"name\": \"add\", \"arguments\": 3}</tool_call>",
            "<tool_call>{\"name\": \"add\", \"arguments\": \"three\"}</tool_call>",
            "```swift\nlet a = 3\n```", "```json\n{\"a\": 3}\n```", "``", "{", "{{", "{{\"a\": 3}}", "[",
            "{\"a\": 3}", "{\"name\"",
            "{\"name\": \"other\", \"arguments\": {}}", "[{\"name\": \"add\"}, 3]",
            "{\"name\": \"add\"} and more",
            "Here:\n{\"name\": \"add\"}",
        ] {
            #expect(read(text, by: length) == [.text(text)], "\(text)")
        }
    }

    @Test func textIsNotHeldBackForLong() {
        var reader = ToolCallReader(offered: ["add"])
        #expect(reader.add("Hello") == [.text("Hello")])
        #expect(reader.add(" ") == [])
        #expect(reader.add("you <") == [.text(" you")])
        #expect(reader.add("b") == [.text(" <b")])
        var other = ToolCallReader(offered: ["add"])
        #expect(other.add("{\"na") == [])
        #expect(other.add("tion\": ") == [.text("{\"nation\":")])
    }
}
