/// The parts that the word rules are put together from. Each looks at the front of `rest`, a part of
/// the text that is not empty, and tells where its match ends.
extension ScalarText {
    /// `'s|'t|'re|'ve|'m|'ll|'d`; nil when none is there.
    func contraction(_ rest: Range<Int>, ignoringCase: Bool) -> Int? {
        let start = rest.lowerBound
        guard scalars[start] == 0x27, rest.count > 1 else { return nil }
        let first = lowercased(start + 1, ignoringCase)
        if first == "s" || first == "t" || first == "m" || first == "d" { return start + 2 }
        guard rest.count > 2 else { return nil }
        let second = lowercased(start + 2, ignoringCase)
        switch (first, second) {
        case ("r", "e"), ("v", "e"), ("l", "l"): return start + 3
        default: return nil
        }
    }

    private func lowercased(_ index: Int, _ ignoringCase: Bool) -> Unicode.Scalar? {
        let scalar = scalars[index]
        return Unicode.Scalar(ignoringCase && 0x41...0x5A ~= scalar ? scalar + 0x20 : scalar)
    }

    func isNewline(_ index: Int) -> Bool { scalars[index] == 0x0A || scalars[index] == 0x0D }

    /// After ` ?`: past one space, unless nothing or more white space follows it.
    func skippingSpace(_ rest: Range<Int>) -> Int {
        let start = rest.lowerBound
        guard scalars[start] == 0x20, rest.count > 1, classes[start + 1] != .space else { return start }
        return start + 1
    }

    /// As many of these classes as there are, up to a number of them; none is a match too.
    func run(of wanted: ScalarClass, _ rest: Range<Int>, atMost limit: Int) -> Int {
        let stop = rest.lowerBound + min(limit, rest.count)
        var end = rest.lowerBound
        while end < stop, !classes[end].isDisjoint(with: wanted) { end += 1 }
        return end
    }

    /// ` ?[^excluded]+[trailing]*`; nil when there is none.
    func symbols(
        _ rest: Range<Int>, not excluded: ScalarClass, isTrailing: (UInt32) -> Bool
    ) -> Int? {
        let body = skippingSpace(rest)
        var end = body
        while end < rest.upperBound, classes[end].isDisjoint(with: excluded) { end += 1 }
        guard end > body else { return nil }
        while end < rest.upperBound, isTrailing(scalars[end]) { end += 1 }
        return end
    }

    /// `\s+(?!\S)|\s+`: leaves the last white space to the word that follows, if it is not the only one.
    func whitespace(_ rest: Range<Int>) -> Int {
        let start = rest.lowerBound
        let end = run(of: .space, rest, atMost: .max)
        return end < rest.upperBound && end - start > 1 ? end - 1 : max(end, start + 1)
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`: through the last line end, if there is any.
    func whitespaceThroughLines(_ rest: Range<Int>) -> Int {
        let end = run(of: .space, rest, atMost: .max)
        let lastNewline = (rest.lowerBound..<end).last { isNewline($0) }
        return lastNewline.map { $0 + 1 } ?? whitespace(rest)
    }
}
