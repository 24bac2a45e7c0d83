internal import WeightStore

/// Writes the pieces of a conversion, in the order of the file, and keeps what the index and the report say of them.
struct TensorRecorder: ~Copyable {
    private let plan: ImportPlan
    private let choices: [EncodingChoice]
    private var writer: StoreWriter
    /// Tensors begun so far.
    private(set) var entries: [TensorEntry] = []
    /// Those that are complete.
    private(set) var segments:
        [(name: String, layout: StoredTensor.Layout, elements: Segment, planes: Segment?)] = []

    /// - Parameter choices: one for each tensor of `plan`.
    init(_ writer: consuming StoreWriter, plan: ImportPlan, choices: [EncodingChoice]) {
        self.writer = writer
        self.plan = plan
        self.choices = choices
    }

    mutating func write(_ piece: Conversion.Finished) throws(StoreError) {
        let tensor = plan.tensors[piece.tensor]
        if piece.isFirst {
            let number = try writer.beginSegment(
                .elements, encoding: choices[piece.tensor].elements, rawBytes: tensor.layout.elementBytes,
                frameBytes: tensor.frameBytes)
            entries.append(
                TensorEntry(name: tensor.name, layout: tensor.layout, elements: number, planes: nil))
        }
        try writer.append(piece.elements)
        guard let planes = piece.planes else { return }
        writer.endSegment()
        let number = entries.count - 1
        if tensor.layout.planeBytes > 0 {
            entries[number].planes = try writer.beginSegment(
                .planes, encoding: choices[piece.tensor].planes, rawBytes: tensor.layout.planeBytes,
                frameBytes: tensor.layout.planeFrameBytes)
            try writer.append(planes)
            writer.endSegment()
        }
        segments.append(
            (
                tensor.name, tensor.layout, writer.segment(entries[number].elements),
                entries[number].planes.map { writer.segment($0) }
            ))
    }

    /// Completes the file; returns its length.
    consuming func finish(_ metadata: StoreMetadata) throws(StoreError) -> Int {
        try writer.finish(metadata)
    }
}
