/// Parts what an answer says into text and calls of tools, while it is generated.
///
/// Read are `<tool_call>{...}</tool_call>` anywhere (Qwen, Hermes, SmolLM3), and an answer that begins with a call, or a list
/// of calls, of offered tools as bare JSON (Llama 3, Mistral) or in a fence of three backticks (Qwen2.5-Coder). What only
/// looked like a call comes out as the text it is. Text that may become a call is held back.
struct ToolCallReader: Sendable {
    /// `plain`: where no calls are looked for.
    private enum Place { case plain, start, text, tagged, bare }

    static let opening = "<tool_call>"
    static let closing = "</tool_call>"
    private static let fence = "```"

    /// Names of the tools that the request offers.
    private let offered: Set<String>
    private var place: Place
    /// What came and is not told yet.
    private var held = ""
    /// The space before the tag that is open.
    private var gap = ""
    private var hasCalls = false

    /// - Parameter offered: `nil` takes all text as it is.
    init(offered: Set<String>?) {
        self.offered = offered ?? []
        place = offered == nil ? .plain : .start
    }

    /// What is certain after some more text.
    mutating func add(_ text: String) -> [AnswerPart] {
        held += text
        var parts: [AnswerPart] = []
        while true {
            switch place {
            case .plain:
                tell(held, &parts)
                held = ""
                return parts
            case .start:
                guard let isBare = Self.beginsWithCall(held) else { return parts }
                place = isBare ? .bare : .text
            case .bare: return parts
            case .text:
                guard let tag = held.firstRange(of: Self.opening) else {
                    let said = held.dropLast(held.charactersThatMayBegin(Self.opening))
                    held.removeFirst(said.count)
                    tell(String(said), &parts)
                    return parts
                }
                let before = held[..<tag.lowerBound]
                let said = before.dropLast(before.spaceAtEnd)
                gap = String(before[said.endIndex...])
                held = String(held[tag.upperBound...])
                tell(String(said), &parts)
                place = .tagged
            case .tagged:
                // What came before had no closing tag: a long call is not searched anew for every token of it.
                let new = held.suffix(text.count + Self.closing.count)
                guard let tag = new.firstRange(of: Self.closing) else { return parts }
                let body = String(held[..<tag.lowerBound])
                held = String(held[tag.upperBound...])
                readTagged(body, closing: Self.closing, &parts)
                place = .text
            }
        }
    }

    /// What is left at the end of the answer.
    mutating func finish() -> [AnswerPart] {
        var parts: [AnswerPart] = []
        switch place {
        case .tagged: readTagged(held, closing: "", &parts)
        case .bare: readBare(&parts)
        // The space around calls says nothing.
        case .plain, .start, .text: if !hasCalls || !held.allSatisfy(\.isWhitespace) { tell(held, &parts) }
        }
        held = ""
        return parts
    }

    private func tell(_ text: String, _ parts: inout [AnswerPart]) {
        if !text.isEmpty { parts.append(.text(text)) }
    }

    private mutating func call(_ calls: [ToolCall], _ parts: inout [AnswerPart]) {
        hasCalls = true
        parts += calls.map { .call($0) }
    }

    private mutating func readTagged(_ body: String, closing: String, _ parts: inout [AnswerPart]) {
        if let calls = ToolCall.calls(in: body) {
            call(calls, &parts)
        } else {
            tell(gap + Self.opening + body + closing, &parts)
        }
    }

    private mutating func readBare(_ parts: inout [AnswerPart]) {
        var body = held.drop(while: \.isWhitespace)
        var rest: Substring = ""
        if body.hasPrefix(Self.fence) {
            body = body.dropFirst(Self.fence.count).trimmingPrefix("json")
            if let end = body.firstRange(of: Self.fence) {
                rest = body[end.upperBound...]
                body = body[..<end.lowerBound]
            }
        }
        guard let calls = ToolCall.calls(in: String(body)), calls.allSatisfy({ offered.contains($0.name) })
        else {
            tell(held, &parts)
            return
        }
        call(calls, &parts)
        if !rest.allSatisfy(\.isWhitespace) { tell(String(rest), &parts) }
    }

    /// Whether an answer that begins with `text` begins with a call in JSON; `nil` while that is open.
    private static func beginsWithCall(_ text: String) -> Bool? {
        var rest = text.drop(while: \.isWhitespace)
        /// Whether `rest` begins with `word`, which is taken off then; `nil` while that is open.
        func takes(_ word: String) -> Bool? {
            if rest.hasPrefix(word) {
                rest = rest.dropFirst(word.count).drop(while: \.isWhitespace)
                return true
            }
            return word.hasPrefix(rest) ? nil : false
        }
        guard let isFenced = takes(fence) else { return nil }
        if isFenced, takes("json") == nil { return nil }
        if takes("[") == nil { return nil }
        switch takes("{") {
        case nil: return nil
        case false?: return false
        // The second of two braces, see `ToolCall.calls`.
        case true?: return takes("{") == nil ? nil : takes("\"name\"")
        }
    }
}
