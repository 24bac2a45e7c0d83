/// Which tensor each segment of a store belongs to: every segment to one, with the length that the tensor needs.
struct SegmentOwners {
    private let segments: [Segment]
    private let path: String
    private var owners: [String?]

    init(_ index: SegmentIndex, path: String) {
        segments = index.segments
        self.path = path
        owners = [String?](repeating: nil, count: segments.count)
    }

    /// The layout of a tensor, once its segments are found to be what it needs and no other tensor's.
    mutating func layout(of entry: TensorEntry) throws(StoreError) -> StoredTensor.Layout {
        let part = "tensor \(entry.name)"
        guard let layout = entry.checkedLayout else {
            throw .unreadable(
                path: path, part: part, offset: 0,
                reason: "no layout \"\(entry.layout)\" of \(entry.dimensions)")
        }
        let elements = try claim(entry.elements, .elements, layout.elementBytes, part)
        guard elements.frameBytes % layout.recordBytes == 0 else {
            throw .mismatch(
                path: path, part: part, what: "its frame length", expected: layout.recordBytes,
                found: elements.frameBytes)
        }
        if elements.encoding == .zstdSplit, !layout.isHalfFloats {
            throw .unreadable(
                path: path, part: part, offset: elements.offset,
                reason: "split planes of what are not 16-bit floats")
        }
        if let planes = entry.planes {
            _ = try claim(planes, .planes, layout.planeBytes, part + ", planes")
        } else if layout.planeBytes > 0 {
            throw .mismatch(
                path: path, part: part, what: "bytes of planes", expected: layout.planeBytes, found: 0)
        }
        if let order = entry.order {
            let segment = try claim(order, .order, 4 * layout.recordCount, part + ", order")
            guard layout.isByChannel, segment.encoding == .raw, segment.frames.count == 1 else {
                throw .unreadable(
                    path: path, part: part, offset: segment.offset,
                    reason: "an order of \(entry.layout) in \(segment.frames.count) frames")
            }
        }
        return layout
    }

    /// What each segment holds: `tensor blk.0.ffn, planes`.
    func names() throws(StoreError) -> [String] {
        let names = owners.compactMap { $0 }
        guard names.count == segments.count else {
            throw .mismatch(
                path: path, part: "index", what: "segments that belong to a tensor", expected: segments.count,
                found: names.count)
        }
        return names
    }

    private mutating func claim(
        _ number: Int, _ kind: Segment.Kind, _ bytes: Int, _ part: String
    ) throws(StoreError) -> Segment {
        guard segments.indices.contains(number) else {
            throw .mismatch(
                path: path, part: part, what: "its segment number", expected: segments.count - 1,
                found: number)
        }
        let segment = segments[number]
        guard owners[number] == nil, segment.kind == kind else {
            throw .unreadable(
                path: path, part: part, offset: segment.offset,
                reason: "segment \(number) holds \(owners[number] ?? "something else")")
        }
        guard segment.rawBytes == bytes else {
            throw .mismatch(
                path: path, part: part, what: "the length of its segment", expected: bytes,
                found: segment.rawBytes)
        }
        owners[number] = part
        return segment
    }
}
