/// The word rule of Llama 3, Qwen 2 and their relatives, which differ in a few places:
/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|`
/// ` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
struct ModernWords: Sendable, Equatable {
    /// At most so many digits make a word.
    var digits: Int
    /// Whether `'s` and the like are words.
    var contractions = true
    /// Whether `\p{L}` reads `[\p{L}\p{M}]`.
    var lettersHaveMarks = false
    /// Whether line ends stay with the symbols before them; without it, no symbol word holds any.
    var symbolsTakeNewlines = true

    func cut(_ text: ScalarText, _ range: Range<Int>, into ends: inout [Int]) {
        var start = range.lowerBound
        while start < range.upperBound {
            start = end(text, start..<range.upperBound)
            ends.append(start)
        }
    }

    private func end(_ text: ScalarText, _ rest: Range<Int>) -> Int {
        if contractions, let end = text.contraction(rest, ignoringCase: true) { return end }
        let letter: ScalarClass = lettersHaveMarks ? [.letter, .mark] : .letter
        if let end = letters(text, rest, letter) { return end }
        if text.classes[rest.lowerBound] == .number {
            return text.run(of: .number, rest, atMost: digits)
        }
        let symbols = text.symbols(rest, not: letter.union([.number, .space])) { scalar in
            symbolsTakeNewlines && (scalar == 0x0A || scalar == 0x0D)
        }
        return symbols ?? text.whitespaceThroughLines(rest)
    }

    /// `[^\r\n\p{L}\p{N}]?\p{L}+`
    private func letters(_ text: ScalarText, _ rest: Range<Int>, _ letter: ScalarClass) -> Int? {
        let start = rest.lowerBound
        guard !text.isNewline(start), text.classes[start] != .number else { return nil }
        let isWord = !text.classes[start].isDisjoint(with: letter)
        let body = (start + 1)..<rest.upperBound
        let end = text.run(of: letter, body, atMost: .max)
        return isWord || end > body.lowerBound ? end : nil
    }
}
