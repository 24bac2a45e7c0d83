package import Tensors

extension WeightForm {
    /// Every form a store may hold. Readers refuse others, so kernels need no more than these.
    package static let stored: [WeightForm] = [
        .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q3_K, .q4_K, .q5_K, .q6_K,
        .float(.f16), .float(.bf16), .float(.f32),
    ]

    // Named after the GGUF types that map to them.
    package static let q4_0 = WeightForm(code: .bits4, group: 32, levels: 1, hasMin: false, offset: 8)
    package static let q4_1 = WeightForm(code: .bits4, group: 32, levels: 1, hasMin: true, offset: 0)
    package static let q5_0 = WeightForm(code: .bits5, group: 32, levels: 1, hasMin: false, offset: 16)
    package static let q5_1 = WeightForm(code: .bits5, group: 32, levels: 1, hasMin: true, offset: 0)
    package static let q8_0 = WeightForm(code: .int8, group: 32, levels: 1, hasMin: false, offset: 0)
    package static let q3_K = WeightForm(code: .bits4, group: 16, levels: 2, hasMin: false, offset: 4)
    package static let q4_K = WeightForm(code: .bits4, group: 32, levels: 2, hasMin: true, offset: 0)
    package static let q5_K = WeightForm(code: .bits5, group: 32, levels: 2, hasMin: true, offset: 0)
    package static let q6_K = WeightForm(code: .bits6, group: 16, levels: 2, hasMin: false, offset: 32)
}

extension StoredTensor.Layout {
    /// How many records, each one fetch: vector elements, rows, channels or bundles.
    package var recordCount: Int {
        switch self {
        case .vector(let count): count
        case .rows(_, let rows, _): rows
        case .channels(_, _, let channels): channels
        case .bundle(_, _, _, let channels, _): channels
        case .rough(let rows, _): rows
        }
    }

    /// Whether records are channels or bundles of them, which may lie in any order.
    package var isByChannel: Bool {
        switch self {
        case .vector, .rows, .rough: false
        case .channels, .bundle: true
        }
    }

    /// Bytes of one record.
    package var recordBytes: Int {
        switch self {
        case .vector: 4
        case .rows(let form, _, let columns): form.rowStride(columns: columns)
        case .channels(let form, let outputs, _): form.channelStride(outputs: outputs)
        case .bundle(let up, let down, let inputs, _, let outputs):
            up.rowStride(columns: inputs) + down.channelStride(outputs: outputs)
        case .rough(_, let columns): RoughRows(columns: columns).stride
        }
    }

    /// Bytes of all records. Dimensions are at most 2^24, so the product fits.
    package var elementBytes: Int { recordCount * recordBytes }

    /// The form whose scales are planes, and its size; `nil` where scales lie in the rows or do not exist.
    package var channelForm: (form: WeightForm, channels: Int, outputs: Int)? {
        switch self {
        case .channels(let form, let outputs, let channels) where !form.code.isFloat:
            (form, channels, outputs)
        case .bundle(_, let down, _, let channels, let outputs) where !down.code.isFloat:
            (down, channels, outputs)
        default: nil
        }
    }

    /// Bytes of all scale planes; 0 where there are none.
    package var planeBytes: Int {
        channelForm.map { $0.form.planeBytes(channels: $0.channels, outputs: $0.outputs) } ?? 0
    }

    /// Whether every two bytes of the elements are one float.
    package var isHalfFloats: Bool {
        switch self {
        case .vector, .rough: false
        case .rows(let form, _, _), .channels(let form, _, _): form.code == .f16 || form.code == .bf16
        case .bundle(let up, let down, _, _, _):
            (up.code == .f16 || up.code == .bf16) && (down.code == .f16 || down.code == .bf16)
        }
    }

    /// Bytes of a frame of elements: whole records, so that one can be had alone.
    ///
    /// Channels and bundles are fetched one at a time: one to a frame, or as many as reach 1 KiB, in powers
    /// of two so that frames end where panels of 256 channels do. Rows of an embedding, or of a head with bounds: about
    /// 4 KiB. Others: 64 KiB.
    ///
    /// - Parameter isFetched: whether few rows of it are wanted at a time.
    package func frameBytes(isFetched: Bool) -> Int {
        switch self {
        case .vector, .rows, .rough:
            let target = isFetched ? CachePlan.fetchedRowBytes : 65536
            return max(1, min(target / recordBytes, recordCount)) * recordBytes
        case .channels, .bundle: return fetchedFrameBytes
        }
    }

    /// Bytes of a frame of records that are fetched one at a time: one, or as many as reach 1 KiB, in powers of two.
    package var fetchedFrameBytes: Int {
        var records = 1
        while records * recordBytes < 1024 { records *= 2 }
        return min(records, recordCount) * recordBytes
    }

    /// Bytes of a frame of planes: whole planes, about 64 KiB.
    ///
    /// The planes of a super group are as long as two of a group, hence even numbers of them.
    package var planeFrameBytes: Int {
        guard let (form, _, outputs) = channelForm else { return 0 }
        let plane = form.groupPlaneBytes(outputs: outputs)
        return max(1, 65536 / (2 * plane)) * 2 * plane
    }
}
