/// A set of bytes.
package struct ByteSet: Sendable, Equatable {
    private var low: (UInt64, UInt64) = (0, 0)
    private var high: (UInt64, UInt64) = (0, 0)

    package init() {}

    package init(_ ranges: ClosedRange<UInt8>...) {
        for range in ranges { range.forEach { insert($0) } }
    }

    package init(_ byte: UInt8) { insert(byte) }

    package func contains(_ byte: UInt8) -> Bool {
        let word =
            switch byte >> 6 {
            case 0: low.0
            case 1: low.1
            case 2: high.0
            default: high.1
            }
        return word >> (byte & 63) & 1 == 1
    }

    package mutating func insert(_ byte: UInt8) {
        let bit: UInt64 = 1 << (byte & 63)
        switch byte >> 6 {
        case 0: low.0 |= bit
        case 1: low.1 |= bit
        case 2: high.0 |= bit
        default: high.1 |= bit
        }
    }

    package mutating func remove(_ byte: UInt8) {
        let bit: UInt64 = 1 << (byte & 63)
        switch byte >> 6 {
        case 0: low.0 &= ~bit
        case 1: low.1 &= ~bit
        case 2: high.0 &= ~bit
        default: high.1 &= ~bit
        }
    }

    package mutating func formUnion(_ other: ByteSet) {
        low = (low.0 | other.low.0, low.1 | other.low.1)
        high = (high.0 | other.high.0, high.1 | other.high.1)
    }

    package static func == (a: ByteSet, b: ByteSet) -> Bool { a.low == b.low && a.high == b.high }
}
