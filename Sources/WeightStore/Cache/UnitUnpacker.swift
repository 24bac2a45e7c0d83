internal import Machine
internal import Synchronization

/// Undoes the encoding of units in memory. Each worker has its own, which no other uses at the same time.
package final class UnitUnpacker: Sendable {
    private let zstd: Mutex<ZstdDecompressor>

    package init() { zstd = Mutex(ZstdDecompressor()) }

    /// Writes the unit that `stored` holds to `range` of the same memory.
    func unpack(
        _ memory: SharedBuffer<UInt8>, _ stored: Range<Int>, to range: Range<Int>, _ encoding: SegmentEncoding
    ) throws(ZstdError) {
        // A frame that is no shorter compressed is stored as it was, not even split.
        guard stored.count < range.count else { return memory.copy(stored, to: range.lowerBound) }
        try zstd.withLock { zstd throws(ZstdError) in try zstd.decompress(memory, stored, into: range) }
        guard encoding == .zstdSplit else { return }
        let planes = memory.elements(range)
        memory.withMutableSpan(range) { BytePlanes.join(planes, into: &$0) }
    }
}
