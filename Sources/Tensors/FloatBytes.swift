extension [UInt8] {
    /// Writes an f16 to two bytes, the lower first.
    public mutating func write(_ value: Float16, at index: Int) {
        self[index] = UInt8(truncatingIfNeeded: value.bitPattern)
        self[index + 1] = UInt8(truncatingIfNeeded: value.bitPattern >> 8)
    }
}

extension [Float] {
    /// Four bytes for each, the lowest first.
    public var littleEndianBytes: [UInt8] {
        flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
    }
}
