internal import Glibc
package import Machine

/// Part of a buffer of floats that an operation reads or writes.
///
/// UNSAFE FENCE: the range was compared with the buffer when the slice was made, and the buffer is retained.
@safe package struct FloatSlice: Sendable {
    package let buffer: SharedBuffer<Float>
    package let start: Int
    package let count: Int

    /// `range` of `buffer`, all of it by default; traps when it leaves the buffer.
    package init(_ buffer: SharedBuffer<Float>, _ range: Range<Int>? = nil) {
        let range = range ?? 0..<buffer.count
        precondition(range.lowerBound >= 0 && range.upperBound <= buffer.count, "\(range) of \(buffer.count)")
        self.buffer = buffer
        start = range.lowerBound
        count = range.count
    }

    /// Elements from the start of the slice to the end of the buffer; kernels may write that far as padding.
    var capacity: Int { buffer.count - start }

    @unsafe var base: UnsafeMutablePointer<Float> { unsafe buffer.address(of: start) }

    /// Part of this slice.
    package subscript(range: Range<Int>) -> FloatSlice {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of \(count)")
        return FloatSlice(buffer, start + range.lowerBound..<start + range.upperBound)
    }

    /// One element; traps outside the slice.
    package subscript(index: Int) -> Float {
        get {
            precondition(index >= 0 && index < count, "\(index) of \(count)")
            return buffer[start + index]
        }
        nonmutating set {
            precondition(index >= 0 && index < count, "\(index) of \(count)")
            buffer[start + index] = newValue
        }
    }

    /// Sets every element to zero.
    package func clear() { unsafe _ = memset(base, 0, count * MemoryLayout<Float>.stride) }

    /// Copies `other`, which has as many elements.
    package func copy(_ other: FloatSlice) {
        precondition(other.count == count, "\(other.count), \(count)")
        unsafe base.update(from: other.base, count: count)
    }
}
