internal import Tensors
internal import WeightStore

/// Turns records of one planned tensor into the bytes of the store.
enum PieceConverter {
    /// Raw bytes of consecutive records, and the planes that belong to them.
    struct Piece: Sendable {
        var elements: [UInt8]
        var planes: ChannelConverter.Planes
    }

    static func convert(_ tensor: PlannedTensor, records: Range<Int>) -> Piece {
        let stride = tensor.layout.recordBytes
        var planes = ChannelConverter.Planes(groups: [], supers: [])
        switch tensor.source {
        case .vector(let matrix): return Piece(elements: vector(matrix), planes: planes)
        case .factors(let columns):
            return Piece(elements: columns.factors.littleEndianBytes, planes: planes)
        default: break
        }
        var elements = [UInt8](repeating: 0, count: records.count * stride)
        switch tensor.source {
        case .vector, .factors: break
        case .rows(let matrix):
            RowConverter(matrix).convert(rows: records, into: &elements, at: 0, stride: stride)
        case .channels(let matrix):
            planes = ChannelConverter(matrix).convert(
                channels: records, into: &elements, at: 0, stride: stride)
        case .bundle(let up, let down):
            RowConverter(up).convert(rows: records, into: &elements, at: 0, stride: stride)
            planes = ChannelConverter(down).convert(
                channels: records, into: &elements, at: up.format.form.rowStride(columns: up.columns),
                stride: stride)
        case .rough(let matrix, let columns):
            RoughConverter(matrix, columns).convert(rows: records, into: &elements)
        }
        return Piece(elements: elements, planes: planes)
    }

    /// The floats of a vector as f32; half precision widens exactly.
    private static func vector(_ matrix: SourceMatrix) -> [UInt8] {
        let bytes = matrix.bytes(rows: 0..<1)
        guard matrix.format != .f32 else { return bytes }
        var reader = RowReader(matrix)
        return reader.read(bytes.span, row: 0).littleEndianBytes
    }
}

/// Which encoding each segment of a tensor gets.
struct EncodingChoice: Sendable {
    var elements: SegmentEncoding
    var planes: SegmentEncoding

    /// Decides without looking where the choice is made already, else by compressing a sample.
    static func choose(_ tensor: PlannedTensor, _ rule: CompressionRule) -> EncodingChoice {
        let packed: SegmentEncoding = tensor.layout.isHalfFloats ? .zstdSplit : .zstd
        if case .vector = tensor.layout, tensor.layout.elementBytes < 65536 {
            return EncodingChoice(elements: .raw, planes: .raw)
        }
        switch rule.compression {
        case .none: return EncodingChoice(elements: .raw, planes: .raw)
        case .zstd: return EncodingChoice(elements: packed, planes: .zstd)
        case .auto:
            let piece = PieceConverter.convert(tensor, records: tensor.sample)
            return EncodingChoice(
                elements: rule.judge(piece.elements, packed, frameBytes: tensor.frameBytes),
                planes: rule.judge(piece.planes.groups, .zstd, frameBytes: tensor.layout.planeFrameBytes))
        }
    }
}
