/// A read past the end of the bytes a cursor may see.
package struct OutOfBounds: Error, Equatable {
    /// Where the read began, from the start of the file.
    package var offset: Int
    package var needed: Int
    package var available: Int

    package init(offset: Int, needed: Int, available: Int) {
        self.offset = offset
        self.needed = needed
        self.available = available
    }
}

/// Reads little-endian values of a mapped file one after another, within bounds that never grow.
///
/// Every length read from a file is checked against what is left before anything is allocated.
package struct ByteCursor: Sendable {
    package let file: MappedFile
    /// From the start of the file; always within `file`.
    package private(set) var offset: Int
    package let end: Int

    /// Starts at `range.lowerBound`; traps when `range` leaves the file.
    package init(_ file: MappedFile, range: Range<Int>? = nil) {
        let range = range ?? 0..<file.byteCount
        precondition(
            range.lowerBound >= 0 && range.upperBound <= file.byteCount, "\(range) of \(file.byteCount)")
        self.file = file
        offset = range.lowerBound
        end = range.upperBound
    }

    package var remaining: Int { end - offset }

    /// The next `count` bytes as a range of the file.
    package mutating func take(_ count: UInt64) throws(OutOfBounds) -> Range<Int> {
        guard count <= UInt64(remaining) else {
            throw OutOfBounds(offset: offset, needed: Int(clamping: count), available: remaining)
        }
        defer { offset += Int(count) }
        return offset..<offset + Int(count)
    }

    package mutating func u8() throws(OutOfBounds) -> UInt8 { try load() }
    package mutating func u16() throws(OutOfBounds) -> UInt16 { try load() }
    package mutating func u32() throws(OutOfBounds) -> UInt32 { try load() }
    package mutating func u64() throws(OutOfBounds) -> UInt64 { try load() }
    package mutating func f32() throws(OutOfBounds) -> Float { Float(bitPattern: try u32()) }
    package mutating func f64() throws(OutOfBounds) -> Double { Double(bitPattern: try u64()) }

    /// A copy of the next `count` bytes.
    package mutating func bytes(_ count: UInt64) throws(OutOfBounds) -> [UInt8] {
        file.bytes(try take(count))
    }

    private mutating func load<T: FixedWidthInteger & BitwiseCopyable>() throws(OutOfBounds) -> T {
        let range = try take(UInt64(MemoryLayout<T>.size))
        return file.withBytes(range) { span in
            // UNSAFE FENCE: `take` has just proved that the bytes are there; integers hold any bit pattern.
            unsafe T(littleEndian: span.unsafeLoadUnaligned(as: T.self))
        }
    }
}
