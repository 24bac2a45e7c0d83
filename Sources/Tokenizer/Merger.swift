/// A run of neighbouring bytes that has become one symbol.
struct Symbol {
    /// The token of these bytes, `Symbol.none` when no token spells them.
    var token: TokenID
    /// Where it begins in the text being encoded, and its length in bytes; 0 once swallowed.
    var start: UInt32
    var length: UInt32
    /// Neighbours by index, -1 at the ends; kept by `Merger`.
    var previous: Int32 = -1
    var next: Int32 = -1

    static let none: TokenID = -1

    var range: Range<Int> { Int(start)..<(Int(start) + Int(length)) }
}

/// Which neighbours may become one symbol: all that distinguishes one family of BPE from another.
protocol MergeRules {
    /// The token two neighbours make and how soon (0 first), nil when they stay apart.
    func merge(_ left: Symbol, _ right: Symbol) -> (urgency: UInt32, token: TokenID)?
}

/// Merges neighbours, most urgent pair first and leftmost among equals, until no pair may merge.
///
/// Cost: O(n log n) for n symbols by a heap; n at most `Int32.max`. Kept between words for its memory.
struct Merger {
    private(set) var symbols: [Symbol] = []
    private var queue = MergeQueue()

    mutating func start() {
        symbols.removeAll(keepingCapacity: true)
        queue.removeAll()
    }

    mutating func append(token: TokenID, start: Int, length: Int) {
        let index = Int32(truncatingIfNeeded: symbols.count)
        if index > 0 { symbols[Int(index) - 1].next = index }
        symbols.append(
            Symbol(
                token: token, start: UInt32(truncatingIfNeeded: start),
                length: UInt32(truncatingIfNeeded: length), previous: index - 1))
    }

    /// Runs to the end and hands over what is left, in order.
    mutating func finish(_ rules: some MergeRules, _ emit: (Symbol) -> Void) {
        if symbols.count > 1 {
            for left in 0..<(symbols.count - 1) { consider(left, rules) }
            queue.order()
            while let candidate = queue.popFirst() { apply(candidate, rules) }
        }
        for symbol in symbols where symbol.length > 0 { emit(symbol) }
    }

    /// Queues the pair that begins at `left`, if it may merge.
    private mutating func consider(_ left: Int, _ rules: some MergeRules) {
        let right = Int(symbols[left].next)
        guard right >= 0, let merge = rules.merge(symbols[left], symbols[right]) else { return }
        queue.append(
            MergeQueue.Candidate(
                order: UInt64(merge.urgency) << 32 | UInt64(left), token: merge.token,
                length: symbols[left].length + symbols[right].length))
    }

    /// Merges one pair, unless a part of it was merged with something else in the meantime: a symbol only
    /// ever grows, so the pair is still the queued one exactly if its length is.
    private mutating func apply(_ candidate: MergeQueue.Candidate, _ rules: some MergeRules) {
        let left = candidate.left
        let right = Int(symbols[left].next)
        guard symbols[left].length > 0, right >= 0,
            symbols[left].length + symbols[right].length == candidate.length
        else { return }
        let next = symbols[right].next
        symbols[left].token = candidate.token
        symbols[left].length = candidate.length
        symbols[left].next = next
        symbols[right].length = 0
        if next >= 0 { symbols[Int(next)].previous = Int32(truncatingIfNeeded: left) }
        let previous = Int(symbols[left].previous)
        let queued = queue.count
        if previous >= 0 { consider(previous, rules) }
        consider(left, rules)
        queue.order(from: queued)
    }
}
