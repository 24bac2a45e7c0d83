internal import Machine

extension StoreInspection {
    /// Writes a store of the same weights in which the records of some tensors lie in another order. It appears at
    /// `target` when it is complete.
    ///
    /// - Parameters:
    ///   - orders: by tensor, of channels or bundles; other tensors stay as they are.
    ///   - level: of zstd, where frames have to be compressed anew.
    ///   - progress: told stored bytes done and in all, on the calling thread.
    /// - Returns: the length of the file.
    /// - Throws: a fault of this store, `exists`, or what the system refuses.
    package func rewrite(
        to target: String, orders: [String: RecordOrder], level: Int, overwrite: Bool, threads: Int,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(StoreError) -> Int {
        var writer = try StoreWriter(path: target, overwrite: overwrite, vocabulary: try vocabulary())
        let walk = FrameWalk(file)
        let old = try file.orders()
        let total = segments.reduce(0) { $0 + $1.storedBytes }
        var done = 0
        var metadata = metadata
        for (position, layout) in file.layouts.enumerated() {
            let entry = metadata.tensors[position]
            var order = old[entry.elements]
            if let wanted = orders[entry.name] {
                precondition(layout.isByChannel && wanted.records.count == layout.recordCount, entry.name)
                order = wanted
                metadata.tensors[position].elements = try reorder(
                    entry.elements, wanted, level, walk, old, threads, &writer)
            } else {
                metadata.tensors[position].elements = try copy(entry.elements, &writer)
            }
            metadata.tensors[position].planes = nil
            if let planes = entry.planes { metadata.tensors[position].planes = try copy(planes, &writer) }
            metadata.tensors[position].order = nil
            if let order { metadata.tensors[position].order = try append(order, &writer) }
            done += segments[entry.elements].storedBytes
            progress(done, total)
        }
        return try writer.finish(metadata)
    }

    /// Adds a segment frame by frame as it is, and returns its new number.
    private func copy(_ number: Int, _ writer: inout StoreWriter) throws(StoreError) -> Int {
        let segment = segments[number]
        let made = try writer.beginSegment(
            segment.kind, encoding: segment.encoding, rawBytes: segment.rawBytes,
            frameBytes: segment.frameBytes)
        var run = EncodedRun()
        var offset = segment.offset
        for (position, frame) in file.index.frames[segment.frames].enumerated() {
            let range = offset..<offset + Int(frame.storedBytes)
            try file.check(range, frame: position, of: number)
            run.bytes += file.file.bytes(range)
            run.frames.append(frame)
            offset = range.upperBound
            guard run.bytes.count >= Self.pieceBytes || offset == segment.range.upperBound else { continue }
            try writer.append(run)
            run = EncodedRun()
        }
        writer.endSegment()
        file.file.advise(.dontNeed, segment.range)
        return made
    }

    /// Adds a segment with its records in `order`, and returns its new number.
    private func reorder(
        _ number: Int, _ order: RecordOrder, _ level: Int, _ walk: FrameWalk, _ old: [Int: RecordOrder],
        _ threads: Int, _ writer: inout StoreWriter
    ) throws(StoreError) -> Int {
        let segment = segments[number]
        // By number, whatever the order was.
        let records = try walk.load(
            threads: threads, verify: true, isResident: true,
            skipped: Set(segments.indices).subtracting([number]), orders: old)[number]
        let bytes = segment.rawBytes / order.records.count
        let perFrame = segment.frameBytes / bytes
        let encoder = FrameEncoder(encoding: segment.encoding, level: level, frameBytes: segment.frameBytes)
        let made = try writer.beginSegment(
            segment.kind, encoding: segment.encoding, rawBytes: segment.rawBytes,
            frameBytes: segment.frameBytes)
        let step = max(Self.pieceBytes / segment.frameBytes, 1) * perFrame
        for start in stride(from: 0, to: order.records.count, by: step) {
            var raw: [UInt8] = []
            for record in order.records[start..<min(start + step, order.records.count)] {
                let first = Int(record) * bytes
                raw += records.bytes(first..<first + bytes)
            }
            try writer.append(encoder.encode(raw))
        }
        writer.endSegment()
        return made
    }

    private func append(_ order: RecordOrder, _ writer: inout StoreWriter) throws(StoreError) -> Int {
        var bytes = ByteWriter()
        for record in order.records { bytes.append(record) }
        let made = try writer.beginSegment(
            .order, encoding: .raw, rawBytes: bytes.bytes.count, frameBytes: bytes.bytes.count)
        try writer.append(
            FrameEncoder(encoding: .raw, level: 1, frameBytes: bytes.bytes.count).encode(bytes.bytes))
        writer.endSegment()
        return made
    }

    private static let pieceBytes = 2 << 20
}
