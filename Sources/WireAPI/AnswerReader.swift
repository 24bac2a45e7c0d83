/// A piece of an answer, as a client is told of it.
package enum AnswerPart: Sendable, Equatable {
    /// What the model thinks before it answers.
    case reasoning(String)
    case text(String)
    case call(ToolCall)

    package var isText: Bool {
        if case .text = self { true } else { false }
    }
}

/// Parts the text of an answer into what is thought, what is said, and which tools are called, while it is generated.
///
/// Models that reason do so first, in `<think>` tags, of which their template may have written the first one already.
package struct AnswerReader: Sendable {
    /// Where an answer begins.
    package enum Beginning: Sendable {
        /// All of it is said.
        case plain
        /// It may begin with what is thought.
        case open
        /// It does: the prompt ended with the tag.
        case reasoning
    }

    private enum Place { case start, reasoning, gap, said }

    private static let opening = "<think>"
    private static let closing = "</think>"

    private var place: Place
    /// What came and is not told yet.
    private var held = ""
    private var hasThought = false
    private var calls: ToolCallReader

    /// - Parameter offered: names of the tools whose calls are looked for; `nil` looks for none.
    package init(_ beginning: Beginning, offered: Set<String>?) {
        place =
            switch beginning {
            case .plain: .said
            case .open: .start
            case .reasoning: .reasoning
            }
        calls = ToolCallReader(offered: offered)
    }

    /// Whether an answer to `prompt`, as the template made it, begins inside what is thought.
    package static func beginsWithReasoning(after prompt: String) -> Bool {
        let end = prompt.suffix(64)
        return end.dropLast(end.spaceAtEnd).hasSuffix(opening)
    }

    /// What is certain after some more text.
    package mutating func add(_ text: String) -> [AnswerPart] {
        held += text
        var parts: [AnswerPart] = []
        while true {
            switch place {
            case .start:
                let begun = held.drop(while: \.isWhitespace)
                if begun.hasPrefix(Self.opening) {
                    held = String(begun.dropFirst(Self.opening.count))
                    place = .reasoning
                } else if Self.opening.hasPrefix(begun) {
                    return parts
                } else {
                    place = .said
                }
            case .reasoning:
                if !hasThought { held = String(held.drop(while: \.isWhitespace)) }
                if let tag = held.firstRange(of: Self.closing) {
                    let thought = held[..<tag.lowerBound]
                    think(String(thought.dropLast(thought.spaceAtEnd)), &parts)
                    held = String(held[tag.upperBound...])
                    place = .gap
                } else {
                    let certain = held.dropLast(held.charactersThatMayBegin(Self.closing))
                    held.removeFirst(certain.count)
                    think(String(certain), &parts)
                    return parts
                }
            case .gap:
                held = String(held.drop(while: \.isWhitespace))
                if held.isEmpty { return parts }
                place = .said
            case .said:
                parts += calls.add(held)
                held = ""
                return parts
            }
        }
    }

    /// What is left at the end of the answer.
    package mutating func finish() -> [AnswerPart] {
        var parts: [AnswerPart] = []
        switch place {
        case .start, .gap, .said: parts += calls.add(held)
        case .reasoning: think(held, &parts)
        }
        held = ""
        return parts + calls.finish()
    }

    private mutating func think(_ text: String, _ parts: inout [AnswerPart]) {
        guard !text.isEmpty else { return }
        hasThought = true
        parts.append(.reasoning(text))
    }
}

extension StringProtocol {
    var spaceAtEnd: Int { reversed().prefix(while: \.isWhitespace).count }

    /// How many characters at the end may be the beginning of `tag`, with the space before it.
    func charactersThatMayBegin(_ tag: String) -> Int {
        let begun = (1..<tag.count).reversed().first { hasSuffix(tag.prefix($0)) } ?? 0
        return begun + dropLast(begun).spaceAtEnd
    }
}
