/// Bytes that stay where they are while this value lives: a range of a mapped file, or of memory.
package struct ByteRegion: Sendable {
    package enum Backing: Sendable {
        case mapped(MappedFile)
        case resident(SharedBuffer<UInt8>)
    }

    package let backing: Backing
    /// Within the backing.
    package let range: Range<Int>

    /// Traps when `range` leaves the backing.
    package init(backing: Backing, range: Range<Int>) {
        let byteCount =
            switch backing {
            case .mapped(let file): file.byteCount
            case .resident(let buffer): buffer.count
            }
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "\(range) of \(byteCount)")
        self.backing = backing
        self.range = range
    }

    package var byteCount: Int { range.count }

    /// Lends `part`, counted from the start of the region; traps when it leaves it.
    package func withBytes<R, E: Error>(
        _ part: Range<Int>, _ body: (RawSpan) throws(E) -> R
    ) throws(E) -> R {
        precondition(part.lowerBound >= 0 && part.upperBound <= byteCount, "\(part) of \(byteCount)")
        // UNSAFE FENCE: the backing is retained by this value for the whole call.
        // Named first: compilers before 6.3 crash on an address computed within a span's argument.
        let start = unsafe UnsafeRawPointer(base) + part.lowerBound
        return try unsafe body(RawSpan(_unsafeStart: start, byteCount: part.count))
    }

    /// A copy of `part`, counted from the start of the region; traps when it leaves it.
    package func bytes(_ part: Range<Int>) -> [UInt8] {
        let start = range.lowerBound + part.lowerBound
        precondition(part.lowerBound >= 0 && part.upperBound <= byteCount, "\(part) of \(byteCount)")
        return switch backing {
        case .mapped(let file): file.bytes(start..<start + part.count)
        case .resident(let buffer): buffer.elements(start..<start + part.count)
        }
    }

    /// The address of the first byte; valid while the backing lives.
    @unsafe package var base: UnsafePointer<UInt8> {
        switch backing {
        case .mapped(let file):
            unsafe file.address(of: range.lowerBound).assumingMemoryBound(to: UInt8.self)
        case .resident(let buffer):
            unsafe UnsafePointer(buffer.address(of: range.lowerBound))
        }
    }
}
