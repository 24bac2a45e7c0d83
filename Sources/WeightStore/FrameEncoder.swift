internal import Machine

/// Consecutive frames as they are stored.
package struct EncodedRun: Sendable {
    package var bytes: [UInt8]
    package var frames: [Frame]

    package init(bytes: [UInt8] = [], frames: [Frame] = []) {
        self.bytes = bytes
        self.frames = frames
    }
}

/// Cuts bytes into frames and writes them as a segment's encoding says.
package struct FrameEncoder: Sendable {
    package let encoding: SegmentEncoding
    /// Of zstd, 1 to 19.
    package let level: Int
    /// Raw bytes of a frame.
    package let frameBytes: Int

    package init(encoding: SegmentEncoding, level: Int, frameBytes: Int) {
        precondition(frameBytes > 0, "\(frameBytes)")
        self.encoding = encoding
        self.level = level
        self.frameBytes = frameBytes
    }

    /// The frames of `raw`, which begins at a frame's begin; only a segment's last frame may be short.
    package func encode(_ raw: [UInt8]) -> EncodedRun {
        let zstd = encoding == .raw ? nil : ZstdCompressor(level: level)
        var run = EncodedRun()
        run.frames.reserveCapacity(raw.count / frameBytes + 1)
        if encoding == .raw { run.bytes = raw } else { run.bytes.reserveCapacity(raw.count) }
        for start in stride(from: 0, to: raw.count, by: frameBytes) {
            let range = start..<min(start + frameBytes, raw.count)
            var checksum = Checksum.crc32c(raw, range)
            var storedBytes = range.count
            if let zstd {
                if let frame = compressed(raw, range, zstd) {
                    checksum = Checksum.crc32c(frame)
                    storedBytes = frame.count
                    run.bytes += frame
                } else {
                    run.bytes += raw[range]
                }
            }
            run.frames.append(Frame(storedBytes: UInt32(storedBytes), checksum: checksum))
        }
        return run
    }

    /// How long one thread takes to unpack what `encode` made of `rawBytes` bytes; the best of three times.
    package func secondsToUnpack(_ run: EncodedRun, rawBytes: Int) -> Double {
        let memory = SharedBuffer<UInt8>(run.bytes + [UInt8](repeating: 0, count: rawBytes))
        let unpacker = UnitUnpacker()
        return (0..<3).map { _ in
            let start = ProcessFacts.monotonicNanoseconds
            var (stored, raw) = (0, run.bytes.count)
            for frame in run.frames {
                let (from, to) = (stored, raw)
                stored += Int(frame.storedBytes)
                raw = min(to + frameBytes, memory.count)
                // What was just compressed can be decompressed; a time of a failure would only be a bad guess.
                try? unpacker.unpack(memory, from..<stored, to: to..<raw, encoding)
            }
            return Double(ProcessFacts.monotonicNanoseconds - start) * 1e-9
        }.min() ?? 0
    }

    /// `nil` when the frame is better stored as it is: no shorter, or so short that readers would refuse it.
    private func compressed(_ raw: [UInt8], _ range: Range<Int>, _ zstd: ZstdCompressor) -> [UInt8]? {
        let frame =
            encoding == .zstdSplit
            ? zstd.compress(BytePlanes.split(raw, range), limit: range.count)
            : zstd.compress(raw, range, limit: range.count)
        guard let frame, frame.count * StoreFormat.greatestRatio >= range.count else { return nil }
        return frame
    }
}
