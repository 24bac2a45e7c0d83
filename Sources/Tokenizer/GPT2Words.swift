/// The word rule of GPT-2:
/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
struct GPT2Words: Sendable, Equatable {
    func cut(_ text: ScalarText, _ range: Range<Int>, into ends: inout [Int]) {
        var start = range.lowerBound
        while start < range.upperBound {
            start = end(text, start..<range.upperBound)
            ends.append(start)
        }
    }

    /// Where the word at the front of `rest`, which is not empty, ends.
    private func end(_ text: ScalarText, _ rest: Range<Int>) -> Int {
        let start = rest.lowerBound
        if let end = text.contraction(rest, ignoringCase: false) { return end }
        let kinds: ScalarClass = [.letter, .number, .space]
        let body = text.skippingSpace(rest)
        let kind = text.classes[body].intersection(kinds)
        guard kind == .space else {
            var end = body + 1
            while end < rest.upperBound, text.classes[end].intersection(kinds) == kind { end += 1 }
            return end
        }
        return text.whitespace(start..<rest.upperBound)
    }
}
