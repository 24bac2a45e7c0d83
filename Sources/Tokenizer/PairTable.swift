/// A map from two 32-bit numbers to two others, filled once and then only read.
///
/// Open addressing in one array, two thirds full at most: 150 000 merges take 4 MB and a lookup
/// usually touches one cache line.
struct PairTable: Sendable {
    private struct Entry {
        var key: UInt64
        var value: UInt64
    }
    private var entries: [Entry]
    private var count = 0

    private static let free = Entry(key: .max, value: 0)

    /// Room for `capacity` pairs before the first move.
    init(capacity: Int) {
        var slots = 16
        while slots * 2 < capacity * 3 { slots *= 2 }
        entries = [Entry](repeating: Self.free, count: slots)
    }

    subscript(first: UInt32, second: UInt32) -> (UInt32, UInt32)? {
        let key = UInt64(first) << 32 | UInt64(second)
        let entry = entries[slot(of: key)]
        guard entry.key == key, key != .max else { return nil }
        return (UInt32(truncatingIfNeeded: entry.value >> 32), UInt32(truncatingIfNeeded: entry.value))
    }

    /// Keeps the first value a pair is given. The pair of two `UInt32.max` is not stored.
    mutating func insert(_ first: UInt32, _ second: UInt32, value: (UInt32, UInt32)) {
        let key = UInt64(first) << 32 | UInt64(second)
        guard key != .max else { return }
        if (count + 1) * 3 > entries.count * 2 { grow() }
        let slot = slot(of: key)
        guard entries[slot].key != key else { return }
        entries[slot] = Entry(key: key, value: UInt64(value.0) << 32 | UInt64(value.1))
        count += 1
    }

    private mutating func grow() {
        let old = entries
        entries = [Entry](repeating: Self.free, count: old.count * 2)
        for entry in old where entry.key != .max {
            entries[slot(of: entry.key)] = entry
        }
    }

    /// Where a key is, or the free slot where it would go.
    private func slot(of key: UInt64) -> Int {
        let mask = entries.count - 1
        let mixed = (key ^ key >> 29) &* 0x9E37_79B9_7F4A_7C15
        var slot = Int(truncatingIfNeeded: mixed >> 32) & mask
        while entries[slot].key != key, entries[slot].key != .max {
            slot = (slot + 1) & mask
        }
        return slot
    }
}
