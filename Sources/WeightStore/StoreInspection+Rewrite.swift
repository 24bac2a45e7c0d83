internal import Machine

/// A tensor that a store does not have yet.
package struct NewTensor: Sendable {
    package var name: String
    package var layout: StoredTensor.Layout
    /// Its elements, and its planes where its layout has some.
    package var bytes: [UInt8]
    package var planes: [UInt8]

    package init(name: String, layout: StoredTensor.Layout, bytes: [UInt8], planes: [UInt8] = []) {
        precondition(
            bytes.count == layout.elementBytes && planes.count == layout.planeBytes,
            "\(name): \(bytes.count), \(planes.count)")
        self.name = name
        self.layout = layout
        self.bytes = bytes
        self.planes = planes
    }
}

extension StoreInspection {
    /// Writes a store of the same weights in which the records of some tensors lie in another order. It appears at
    /// `target` when it is complete.
    ///
    /// - Parameters:
    ///   - orders: by tensor, of channels or bundles; other tensors stay as they are.
    ///   - additions: tensors to write behind the others, in place of those that have their names.
    ///   - fetchedRows: tensors whose rows are to lie in frames of their own, to be fetched one by one.
    ///   - level: of zstd, where frames have to be compressed anew.
    ///   - progress: told stored bytes done and in all, on the calling thread.
    /// - Returns: the length of the file.
    /// - Throws: a fault of this store, `exists`, or what the system refuses.
    package func rewrite(
        to target: String, orders: [String: RecordOrder], additions: [NewTensor] = [],
        fetchedRows: Set<String> = [], level: Int, overwrite: Bool, threads: Int,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(StoreError) -> Int {
        var writer = try StoreWriter(path: target, overwrite: overwrite, vocabulary: try vocabulary())
        let walk = FrameWalk(file)
        let old = try file.orders()
        let total = segments.reduce(0) { $0 + $1.storedBytes }
        var done = 0
        var metadata = metadata
        metadata.tensors = []
        for (entry, layout) in zip(file.metadata.tensors, file.layouts) {
            done += segments[entry.elements].storedBytes
            if additions.contains(where: { $0.name == entry.name }) { continue }
            var made = entry
            var order = old[entry.elements]
            let frameBytes = segments[entry.elements].frameBytes
            if let wanted = orders[entry.name] {
                precondition(layout.isByChannel && wanted.records.count == layout.recordCount, entry.name)
                order = wanted
                made.elements = try recode(
                    entry.elements, wanted, frameBytes: frameBytes, level, walk, old, threads, &writer)
            } else if fetchedRows.contains(entry.name), frameBytes > layout.fetchedFrameBytes {
                made.elements = try recode(
                    entry.elements, nil, frameBytes: layout.fetchedFrameBytes, level, walk, old, threads,
                    &writer)
            } else {
                made.elements = try copy(entry.elements, &writer)
            }
            made.planes = try entry.planes.map { planes throws(StoreError) in try copy(planes, &writer) }
            made.order = try order.map { order throws(StoreError) in try append(order, &writer) }
            metadata.tensors.append(made)
            progress(done, total)
        }
        for addition in additions {
            let layout = addition.layout
            let elements = try append(
                addition.bytes, .elements, frameBytes: layout.frameBytes(isFetched: false), &writer)
            let planes: Int? =
                addition.planes.isEmpty
                ? nil : try append(addition.planes, .planes, frameBytes: layout.planeFrameBytes, &writer)
            metadata.tensors.append(
                TensorEntry(name: addition.name, layout: layout, elements: elements, planes: planes))
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

    /// Adds a segment with its records in `order`, or as they are, in other frames; returns its new number.
    private func recode(
        _ number: Int, _ order: RecordOrder?, frameBytes: Int, _ level: Int, _ walk: FrameWalk,
        _ old: [Int: RecordOrder], _ threads: Int, _ writer: inout StoreWriter
    ) throws(StoreError) -> Int {
        let segment = segments[number]
        // By number, whatever the order was.
        let load = FrameLoad(
            walk, verify: true, isResident: true, skipped: Set(segments.indices).subtracting([number]),
            orders: old)
        let records = try load.complete(threads: threads)[number]
        let encoder = FrameEncoder(encoding: segment.encoding, level: level, frameBytes: frameBytes)
        let made = try writer.beginSegment(
            segment.kind, encoding: segment.encoding, rawBytes: segment.rawBytes, frameBytes: frameBytes)
        let step = max(Self.pieceBytes / frameBytes, 1) * frameBytes
        let bytes = order.map { segment.rawBytes / $0.records.count }
        for start in stride(from: 0, to: segment.rawBytes, by: step) {
            let piece = start..<min(start + step, segment.rawBytes)
            guard let order, let bytes else {
                try writer.append(encoder.encode(records.bytes(piece)))
                continue
            }
            var raw: [UInt8] = []
            for record in order.records[piece.lowerBound / bytes..<piece.upperBound / bytes] {
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
        return try append(bytes.bytes, .order, frameBytes: bytes.bytes.count, &writer)
    }

    /// Adds a segment of `bytes` as they are, and returns its number.
    private func append(
        _ bytes: [UInt8], _ kind: Segment.Kind, frameBytes: Int, _ writer: inout StoreWriter
    ) throws(StoreError) -> Int {
        let made = try writer.beginSegment(
            kind, encoding: .raw, rawBytes: bytes.count, frameBytes: frameBytes)
        try writer.append(FrameEncoder(encoding: .raw, level: 1, frameBytes: frameBytes).encode(bytes))
        writer.endSegment()
        return made
    }

    private static let pieceBytes = 2 << 20
}
