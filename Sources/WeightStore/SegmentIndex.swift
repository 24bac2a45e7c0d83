/// One contiguous run of weight bytes in the file.
package struct Segment: Sendable, Equatable {
    package enum Kind: UInt8, Sendable {
        /// Vector elements, rows, channels or bundles.
        case elements = 1
        /// Scale planes of a channel-major tensor.
        case planes = 2
        /// The numbers of a tensor's records in the order of the file.
        case order = 3
    }

    package var kind: Kind
    package var encoding: SegmentEncoding
    package var offset: Int
    package var storedBytes: Int
    package var rawBytes: Int
    /// Raw bytes of every frame but the last, which may be shorter.
    package var frameBytes: Int
    /// Numbers of its frames in the index.
    package var frames: Range<Int>

    package var range: Range<Int> { offset..<offset + storedBytes }

    /// The raw bytes of frame `number`, counted in the segment.
    func rawRange(ofFrame number: Int) -> Range<Int> {
        let start = number * frameBytes
        return start..<min(start + frameBytes, rawBytes)
    }
}

/// One frame of a segment as it is stored.
package struct Frame: Sendable, Equatable {
    package var storedBytes: UInt32
    /// CRC-32C of the stored bytes.
    package var checksum: UInt32
}

/// Where every segment and every frame lies.
package struct SegmentIndex: Sendable, Equatable {
    package var segments: [Segment] = []
    package var frames: [Frame] = []

    static let prefixBytes = 16
    static let segmentBytes = 48
    static let frameBytes = 8

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(segments.count))
        writer.append(UInt32(frames.count))
        writer.append(UInt64(0))
        for segment in segments {
            writer.append(UInt64(segment.offset))
            writer.append(UInt64(segment.storedBytes))
            writer.append(UInt64(segment.rawBytes))
            writer.append(UInt32(segment.frameBytes))
            writer.append(UInt32(segment.frames.count))
            writer.append(UInt32(segment.frames.lowerBound))
            writer.append(segment.kind.rawValue)
            writer.append(segment.encoding.rawValue)
            writer.append(UInt16(0))
            writer.append(UInt64(0))
        }
        for frame in frames {
            writer.append(frame.storedBytes)
            writer.append(frame.checksum)
        }
        return writer.bytes
    }

    init() {}

    /// Reads the index and checks all its numbers against each other; offsets are checked by `StoreFile`.
    init(_ bytes: [UInt8], path: String, offset: Int) throws(StoreError) {
        var reader = ByteReader(bytes)
        guard let segmentCount = reader.u32().map(Int.init), let frameCount = reader.u32().map(Int.init),
            reader.u64() == 0, segmentCount <= StoreFormat.greatestSegmentCount
        else {
            throw .unreadable(path: path, part: "index", offset: offset, reason: "no counts a reader can use")
        }
        let needed = Self.prefixBytes + segmentCount * Self.segmentBytes + frameCount * Self.frameBytes
        guard needed == bytes.count else {
            throw .outOfBounds(path: path, part: "index", offset: offset, needs: needed, has: bytes.count)
        }
        for number in 0..<segmentCount {
            let at = offset + reader.offset
            guard let segment = Self.segment(&reader) else {
                throw .unreadable(
                    path: path, part: "index", offset: at, reason: "segment \(number) has unknown fields")
            }
            segments.append(segment)
        }
        frames.reserveCapacity(frameCount)
        while let storedBytes = reader.u32(), let checksum = reader.u32() {
            frames.append(Frame(storedBytes: storedBytes, checksum: checksum))
        }
        for number in segments.indices { try check(number, path: path, offset: offset) }
        guard (segments.last?.frames.upperBound ?? 0) == frames.count else {
            throw .mismatch(
                path: path, part: "index", what: "the number of frames",
                expected: segments.last?.frames.upperBound ?? 0, found: frames.count)
        }
    }

    private static func segment(_ reader: inout ByteReader) -> Segment? {
        guard let offset = reader.length(), let stored = reader.length(), let raw = reader.length(),
            let frameBytes = reader.u32().map(Int.init), let count = reader.u32().map(Int.init),
            let first = reader.u32().map(Int.init), let kind = reader.u8().flatMap(Segment.Kind.init),
            let encoding = reader.u8().flatMap(SegmentEncoding.init), reader.bytes(2) == [0, 0],
            reader.u64() == 0, offset <= Int.max - stored
        else { return nil }
        return Segment(
            kind: kind, encoding: encoding, offset: offset, storedBytes: stored, rawBytes: raw,
            frameBytes: frameBytes, frames: first..<first + count)
    }

    private func check(_ number: Int, path: String, offset: Int) throws(StoreError) {
        let segment = segments[number]
        let part = "index, segment \(number)"
        func require(_ what: String, _ expected: Int, _ found: Int) throws(StoreError) {
            guard expected == found else {
                throw .mismatch(path: path, part: part, what: what, expected: expected, found: found)
            }
        }
        guard segment.rawBytes > 0, (1...StoreFormat.greatestFrameBytes).contains(segment.frameBytes) else {
            throw .unreadable(
                path: path, part: part, offset: offset,
                reason: "\(segment.rawBytes) bytes in frames of \(segment.frameBytes)")
        }
        let begin = number == 0 ? 0 : segments[number - 1].frames.upperBound
        try require("its first frame", begin, segment.frames.lowerBound)
        try require(
            "the number of frames", (segment.rawBytes - 1) / segment.frameBytes + 1, segment.frames.count)
        guard segment.frames.upperBound <= frames.count else {
            throw .outOfBounds(
                path: path, part: part, offset: offset, needs: segment.frames.upperBound, has: frames.count)
        }
        try require(
            "stored bytes", frames[segment.frames].reduce(0) { $0 + Int($1.storedBytes) }, segment.storedBytes
        )
        for (position, frame) in frames[segment.frames].enumerated() {
            let raw = segment.rawRange(ofFrame: position).count
            let stored = Int(frame.storedBytes)
            let fits = segment.encoding == .raw ? stored == raw : stored <= raw
            guard fits, raw <= stored * StoreFormat.greatestRatio else {
                throw .mismatch(
                    path: path, part: part, what: "stored bytes of frame \(position)", expected: raw,
                    found: stored)
            }
        }
    }
}
