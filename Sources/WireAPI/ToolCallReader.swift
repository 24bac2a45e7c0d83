/// Parts the text of an answer into what is said and which tools are called, while it is generated.
///
/// Read are `<tool_call>{...}</tool_call>` anywhere (Qwen, Hermes, SmolLM3), and an answer that begins with a call, or a list
/// of calls, of offered tools as bare JSON (Llama 3, Mistral) or in a fence of three backticks (Qwen2.5-Coder). What only
/// looked like a call comes out as the text it is. Text that may become a call is held back.
package struct ToolCallReader: Sendable {
    package enum Part: Sendable, Equatable {
        case text(String)
        case call(ToolCall)

        package var isText: Bool {
            if case .text = self { true } else { false }
        }
    }

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
    package init(offered: Set<String>?) {
        self.offered = offered ?? []
        place = offered == nil ? .plain : .start
    }

    /// What is certain after some more text.
    package mutating func add(_ text: String) -> [Part] {
        held += text
        var parts: [Part] = []
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
                    let said = held.dropLast(Self.doubtfulCharacters(held))
                    held.removeFirst(said.count)
                    tell(String(said), &parts)
                    return parts
                }
                let before = held[..<tag.lowerBound]
                let said = before.dropLast(Self.spaceAtEnd(before))
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
    package mutating func finish() -> [Part] {
        var parts: [Part] = []
        switch place {
        case .tagged: readTagged(held, closing: "", &parts)
        case .bare: readBare(&parts)
        // The space around calls says nothing.
        case .plain, .start, .text: if !hasCalls || !held.allSatisfy(\.isWhitespace) { tell(held, &parts) }
        }
        held = ""
        return parts
    }

    private func tell(_ text: String, _ parts: inout [Part]) {
        if !text.isEmpty { parts.append(.text(text)) }
    }

    private mutating func call(_ calls: [ToolCall], _ parts: inout [Part]) {
        hasCalls = true
        parts += calls.map { .call($0) }
    }

    private mutating func readTagged(_ body: String, closing: String, _ parts: inout [Part]) {
        if let calls = ToolCall.calls(in: body) {
            call(calls, &parts)
        } else {
            tell(gap + Self.opening + body + closing, &parts)
        }
    }

    private mutating func readBare(_ parts: inout [Part]) {
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

    /// How many characters at the end of `text` may belong to a call: a tag that has begun, and space before it.
    private static func doubtfulCharacters(_ text: String) -> Int {
        var begun = 0
        for count in stride(from: min(opening.count - 1, text.count), to: 0, by: -1)
        where text.hasSuffix(opening.prefix(count)) {
            begun = count
            break
        }
        return begun + spaceAtEnd(text.dropLast(begun))
    }

    private static func spaceAtEnd(_ text: Substring) -> Int {
        text.reversed().prefix(while: \.isWhitespace).count
    }
}
