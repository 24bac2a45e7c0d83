/// The word rule of Tekken and GPT-4o, which also cuts where lower case meets upper case, as llama.cpp
/// has it: upper and lower case of ASCII only, every other letter counts as both.
///
/// `[^\r\n\p{L}\p{N}]?U*L+C?|[^\r\n\p{L}\p{N}]?U+L*C?|\p{N}{1,d}|`
/// ` ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
/// with U a letter not in a-z, L a letter not in A-Z, C a contraction.
struct CasedWords: Sendable, Equatable {
    /// At most so many digits make a word.
    var digits: Int
    /// Whether `'s` and the like stay with the word before.
    var contractions: Bool

    func cut(_ text: ScalarText, _ range: Range<Int>, into ends: inout [Int]) {
        var start = range.lowerBound
        while start < range.upperBound {
            start = end(text, start..<range.upperBound)
            ends.append(start)
        }
    }

    private func end(_ text: ScalarText, _ rest: Range<Int>) -> Int {
        if let end = letters(text, rest) {
            guard contractions, end < rest.upperBound else { return end }
            return text.contraction(end..<rest.upperBound, ignoringCase: true) ?? end
        }
        if text.classes[rest.lowerBound] == .number {
            return text.run(of: .number, rest, atMost: digits)
        }
        let symbols = text.symbols(rest, not: [.letter, .number, .space]) { scalar in
            scalar == 0x0A || scalar == 0x0D || scalar == 0x2F
        }
        return symbols ?? text.whitespaceThroughLines(rest)
    }

    /// `[^\r\n\p{L}\p{N}]?` and `U*L+`, or else `U+L*`.
    private func letters(_ text: ScalarText, _ rest: Range<Int>) -> Int? {
        var start = rest.lowerBound
        if text.classes[start] != .letter {
            guard !text.isNewline(start), text.classes[start] != .number else { return nil }
            start += 1
        }
        guard start < rest.upperBound, text.classes[start] == .letter else { return nil }
        var upper = start
        while upper < rest.upperBound, text.classes[upper] == .letter, !isLower(text.scalars[upper]) {
            upper += 1
        }
        var end = upper
        while end < rest.upperBound, text.classes[end] == .letter, !isUpper(text.scalars[end]) { end += 1 }
        if end > upper { return end }
        // No L is left after U*: give back as much as makes the last letter an L; else U+ alone.
        let lastLower = (start..<upper).last { !isUpper(text.scalars[$0]) }
        return lastLower.map { $0 + 1 } ?? upper
    }

    private func isUpper(_ scalar: UInt32) -> Bool { 0x41...0x5A ~= scalar }
    private func isLower(_ scalar: UInt32) -> Bool { 0x61...0x7A ~= scalar }
}
