internal import WeightStore

/// One tensor of the store to be, and where its weights come from.
struct PlannedTensor: Sendable {
    enum Source: Sendable {
        case vector(SourceMatrix)
        case rows(SourceMatrix)
        case channels(SourceMatrix)
        case bundle(up: SourceMatrix, down: SourceMatrix)
        /// Rough rows of a matrix.
        case rough(SourceMatrix, RoughColumns)
        case factors(RoughColumns)
    }

    let name: String
    let source: Source
    let layout: StoredTensor.Layout
    /// Whether few rows of it are wanted at a time.
    var isFetched: Bool

    init(name: String, source: Source) {
        self.name = name
        self.source = source
        isFetched = name == "token_embd"
        layout =
            switch source {
            case .vector(let matrix): .vector(count: matrix.columns)
            case .rows(let matrix):
                .rows(form: matrix.format.form, rows: matrix.rows, columns: matrix.columns)
            case .channels(let matrix):
                .channels(form: matrix.format.form, outputs: matrix.rows, channels: matrix.columns)
            case .bundle(let up, let down):
                .bundle(
                    up: up.format.form, down: down.format.form, inputs: up.columns, channels: up.rows,
                    outputs: down.rows)
            case .rough(let matrix, _): .rough(rows: matrix.rows, columns: matrix.columns)
            case .factors(let columns): .vector(count: columns.factors.count)
            }
    }

    var sources: [SourceMatrix] {
        switch source {
        case .vector(let matrix), .rows(let matrix), .channels(let matrix), .rough(let matrix, _): [matrix]
        case .bundle(let up, let down): [up, down]
        case .factors: []
        }
    }

    var sourceBytes: Int { sources.reduce(0) { $0 + $1.range.count } }

    var frameBytes: Int { layout.frameBytes(isFetched: isFetched) }

    /// Records of one piece of work: whole frames and, of channels, whole super groups; about 2 MB.
    var pieceRecords: Int {
        switch source {
        case .vector, .factors: layout.recordCount
        case .rows, .rough:
            max(1, Self.pieceBytes / frameBytes) * (frameBytes / layout.recordBytes)
        case .channels(let matrix), .bundle(_, let matrix):
            max(1, Self.pieceBytes / (256 * matrix.rows)) * 256
        }
    }

    private static let pieceBytes = 2 << 20

    /// The records of every piece, in order.
    var pieces: [Range<Int>] {
        stride(from: 0, to: layout.recordCount, by: pieceRecords).map {
            $0..<min($0 + pieceRecords, layout.recordCount)
        }
    }

    /// Records to judge compression by: from the middle, about 128 KiB of whole frames.
    var sample: Range<Int> {
        let perFrame = frameBytes / layout.recordBytes
        switch source {
        case .vector, .factors: return 0..<layout.recordCount
        case .rows, .rough:
            let records = max(1, Self.sampleBytes / frameBytes) * perFrame
            let start = layout.recordCount / 2 / perFrame * perFrame
            return start..<min(start + records, layout.recordCount)
        case .channels, .bundle:
            let start = layout.recordCount / 2 / 256 * 256
            return start..<min(start + 256, layout.recordCount)
        }
    }

    static let sampleBytes = 1 << 17
}

/// A model ready to be converted.
struct ImportPlan: Sendable {
    let model: ModelParameters
    let tensors: [PlannedTensor]
    /// Tensors of the source that no reader needs.
    let ignored: [String]
}
