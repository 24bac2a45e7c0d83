import Testing

@testable import WireAPI

/// The parts of an answer that comes in pieces of `length` characters; neighbours of a kind are one.
func read(
    _ text: String, by length: Int, _ beginning: AnswerReader.Beginning = .open, offered: Set<String>? = nil
) -> [AnswerPart] {
    var reader = AnswerReader(beginning, offered: offered)
    var parts: [AnswerPart] = []
    var rest = text[...]
    while !rest.isEmpty {
        parts += reader.add(String(rest.prefix(length)))
        rest = rest.dropFirst(length)
    }
    return (parts + reader.finish()).reduce(into: []) { joined, part in
        switch (joined.last, part) {
        case (.text(let old)?, .text(let new)): joined[joined.count - 1] = .text(old + new)
        case (.reasoning(let old)?, .reasoning(let new)): joined[joined.count - 1] = .reasoning(old + new)
        default: joined.append(part)
        }
    }
}

@Suite struct AnswerReaderTests {
    @Test(arguments: [1, 2, 3, 7, 1000])
    func thoughtsAreApartHoweverTheTextArrives(length: Int) {
        let cases: [(String, [AnswerPart])] = [
            ("<think>\nIt is 4.\n</think>\n\nFour.", [.reasoning("It is 4."), .text("Four.")]),
            ("\n<think>a < b\n\nso </thin</think>No.", [.reasoning("a < b\n\nso </thin"), .text("No.")]),
            ("<think>\n\n</think>\n\nFour.", [.text("Four.")]),
            ("<think>never ends ", [.reasoning("never ends ")]),
            ("<think>a</think>\n", [.reasoning("a")]),
            ("Four. <think>x</think>", [.text("Four. <think>x</think>")]),
            ("<thin", [.text("<thin")]), ("<thinking>", [.text("<thinking>")]), ("", []),
            ("\n ", [.text("\n ")]),
        ]
        for (text, parts) in cases { #expect(read(text, by: length) == parts, "\(text)") }
    }

    @Test(arguments: [1, 4, 1000])
    func thePromptMayHaveBegunTheThought(length: Int) {
        #expect(AnswerReader.beginsWithReasoning(after: "<|Assistant|><think>\n"))
        #expect(!AnswerReader.beginsWithReasoning(after: "<|im_start|>assistant\n<think>\n\n</think>\n\n"))
        let parts = read("So: 4.\n</think>\n\nFour.", by: length, .reasoning)
        #expect(parts == [.reasoning("So: 4."), .text("Four.")])
    }

    @Test func plainAnswersAreSaidAsTheyAre() {
        #expect(read("<think>x</think>", by: 3, .plain) == [.text("<think>x</think>")])
    }

    @Test(arguments: [1, 5, 1000])
    func callsComeBehindTheThought(length: Int) {
        let text =
            "<think>\nI add.\n</think>\n\n<tool_call>\n{\"name\": \"add\", \"arguments\": {}}\n</tool_call>"
        #expect(
            read(text, by: length, offered: ["add"])
                == [.reasoning("I add."), .call(ToolCall(name: "add", arguments: "{}"))])
    }

    @Test func thoughtsAreNotHeldBack() {
        var reader = AnswerReader(.open, offered: nil)
        #expect(reader.add("<think>\n").isEmpty)
        #expect(reader.add("One") == [.reasoning("One")])
        #expect(reader.add(" two ") == [.reasoning(" two")])
        #expect(reader.add("</think>").isEmpty)
        #expect(reader.add("\n\nX") == [.text("X")])
        #expect(reader.add(" Y") == [.text(" Y")])
    }
}
