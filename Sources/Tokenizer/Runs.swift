/// A step that makes every run of some characters a piece of its own and keeps what lies between.
struct Runs: Sendable, Equatable {
    /// Characters that count: of one of these classes, or in one of these ranges.
    var classes: ScalarClass
    var ranges: [ClosedRange<UInt32>]
    /// How many of them make a piece: fewer do not, more make several.
    var length: ClosedRange<Int>
    /// Whether one white space before the run belongs to it.
    var afterSpace: Bool

    init(
        of classes: ScalarClass, or ranges: [ClosedRange<UInt32>] = [],
        length: ClosedRange<Int> = 1...Int.max, afterSpace: Bool = false
    ) {
        self.classes = classes
        self.ranges = ranges
        self.length = length
        self.afterSpace = afterSpace
    }

    /// Classes and single characters.
    init(of classes: ScalarClass, or characters: String) {
        self.init(of: classes, or: characters.unicodeScalars.map { $0.value...$0.value })
    }

    func cut(_ text: ScalarText, _ range: Range<Int>, into ends: inout [Int]) {
        var kept = range.lowerBound
        var index = range.lowerBound
        while index < range.upperBound {
            let skipsSpace = afterSpace && text.classes[index] == .space && index + 1 < range.upperBound
            let body = skipsSpace ? index + 1 : index
            let stop = body + min(length.upperBound, range.upperBound - body)
            var end = body
            while end < stop, contains(text, end) { end += 1 }
            if end - body >= length.lowerBound {
                if index > kept { ends.append(index) }
                ends.append(end)
                kept = end
            }
            index = max(end, index + 1)
        }
        if kept < range.upperBound { ends.append(range.upperBound) }
    }

    private func contains(_ text: ScalarText, _ index: Int) -> Bool {
        if !text.classes[index].isDisjoint(with: classes) { return true }
        let scalar = text.scalars[index]
        // As in llama.cpp, where a rule with ranges sees all white space beyond ASCII as U+000B.
        guard scalar < 0x80 || text.classes[index] != .space else { return false }
        return ranges.contains { $0.contains(scalar) }
    }
}
