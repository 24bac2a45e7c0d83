/// Token texts and the way back from a text to its id.
///
/// An open-addressing table over one run of bytes: a `Dictionary` keyed by `[UInt8]` took 0.2 s for
/// 150 000 tokens, which the start of the program cannot spare.
struct TokenTable: Sendable {
    /// All texts, one after the other; token `i` is `bytes[starts[i]..<starts[i + 1]]`.
    private var bytes: [UInt8]
    private var starts: [Int]
    /// The upper half of a text's hash and, below it, its id plus one; 0 is a free slot.
    private var slots: [UInt64]
    /// The length in bytes of the longest text.
    private(set) var longest = 0

    var count: Int { starts.count - 1 }

    /// Of equal texts the last one is found, as llama.cpp has it; an empty text is never found.
    init(_ tokens: [[UInt8]]) {
        bytes = []
        bytes.reserveCapacity(tokens.reduce(0) { $0 + $1.count })
        starts = [0]
        starts.reserveCapacity(tokens.count + 1)
        slots = Self.emptySlots(for: tokens.count)
        for token in tokens {
            append(token, 0..<token.count)
        }
    }

    /// The text of a token; `id` must be one of this table's.
    func text(_ id: TokenID) -> ArraySlice<UInt8> {
        bytes[starts[Int(id)]..<starts[Int(id) + 1]]
    }

    /// Whether this is the text of that token; false for an id that is none.
    func isText(_ text: [UInt8], of id: TokenID) -> Bool {
        id >= 0 && Int(id) < count && isEqual(Int(id), text, 0..<text.count)
    }

    func id(of text: String) -> TokenID? {
        let text = Array(text.utf8)
        return id(of: text, 0..<text.count)
    }

    func id(of text: [UInt8], _ range: Range<Int>) -> TokenID? {
        guard !range.isEmpty, range.count <= longest else { return nil }
        let id = slots[slot(of: text, range, hash: Self.hash(text, range))]
        return id == 0 ? nil : TokenID(truncatingIfNeeded: id) - 1
    }

    /// The id of a text, a new one at the end when it has none.
    mutating func intern(_ text: [UInt8], _ range: Range<Int>) -> TokenID {
        if let id = id(of: text, range) { return id }
        append(text, range)
        return TokenID(count - 1)
    }

    private mutating func append(_ text: [UInt8], _ range: Range<Int>) {
        bytes.append(contentsOf: text[range])
        starts.append(bytes.count)
        longest = max(longest, range.count)
        guard !range.isEmpty else { return }
        if count * 3 > slots.count * 2 { grow() }
        let hash = Self.hash(text, range)
        slots[slot(of: text, range, hash: hash)] = Self.entry(hash, count - 1)
    }

    private mutating func grow() {
        slots = Self.emptySlots(for: count * 2)
        for id in 0..<(count - 1) {
            let range = starts[id]..<starts[id + 1]
            guard !range.isEmpty else { continue }
            let hash = Self.hash(bytes, range)
            slots[slot(of: bytes, range, hash: hash)] = Self.entry(hash, id)
        }
    }

    /// Where a text is, or the free slot where it would go.
    private func slot(of text: [UInt8], _ range: Range<Int>, hash: UInt64) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = slots[slot]
            if entry == 0 { return slot }
            if entry >> 32 == hash >> 32, isEqual(Int(entry & 0xFFFF_FFFF) - 1, text, range) { return slot }
            slot = (slot + 1) & mask
        }
    }

    private func isEqual(_ id: Int, _ text: [UInt8], _ range: Range<Int>) -> Bool {
        let start = starts[id]
        guard starts[id + 1] - start == range.count else { return false }
        for i in 0..<range.count where bytes[start + i] != text[range.lowerBound + i] { return false }
        return true
    }

    private static func entry(_ hash: UInt64, _ id: Int) -> UInt64 {
        (hash & 0xFFFF_FFFF_0000_0000) | UInt64(id + 1)
    }

    private static func emptySlots(for count: Int) -> [UInt64] {
        var capacity = 16
        while capacity * 2 < count * 3 { capacity *= 2 }
        return [UInt64](repeating: 0, count: capacity)
    }

    /// FNV-1a, then one mixing step so that both halves of the result are usable.
    private static func hash(_ text: [UInt8], _ range: Range<Int>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for i in range {
            hash = (hash ^ UInt64(text[i])) &* 0x0000_0100_0000_01B3
        }
        hash = (hash ^ hash >> 32) &* 0x9E37_79B9_7F4A_7C15
        return hash ^ hash >> 29
    }
}
