internal import Tensors

/// Lays rows of the source out as rows of the store: packed codes, then scales.
struct RowConverter {
    private let source: SourceMatrix
    private let form: WeightForm
    private let stride: Int

    init(_ source: SourceMatrix) {
        self.source = source
        form = source.format.form
        stride = form.rowStride(columns: source.columns)
    }

    /// Writes `rows` to `out`, which holds zeros, one every `outStride` bytes from `at` on.
    func convert(rows: Range<Int>, into out: inout [UInt8], at start: Int, stride outStride: Int) {
        let bytes = source.bytes(rows: rows)
        let span = bytes.span
        guard !form.code.isFloat else {
            for row in 0..<rows.count {
                let (from, to) = (row * source.rowBytes, start + row * outStride)
                for i in 0..<source.rowBytes { out[to + i] = span[from + i] }
            }
            return
        }
        let padded = WeightForm.padded(source.columns)
        // Codes and scales past the columns stay zero: whole units of the reader are packed.
        var reader = BlockReader(source.format, capacity: max(padded, source.columns))
        for row in 0..<rows.count {
            reader.read(span, from: row * source.rowBytes, count: source.columns)
            let to = start + row * outStride
            CodePacking.pack(
                reader.codes.span, from: 0, count: padded, as: form.code, into: &out, at: to)
            writeScales(reader, into: &out, at: to + form.packedBytes(source.columns))
        }
    }

    /// `scale[G]`, `min[G]`, and with two levels `super[S]`, `super min[S]`.
    private func writeScales(_ reader: BlockReader, into out: inout [UInt8], at start: Int) {
        let groups = WeightForm.padded(source.columns) / form.group
        var at = start
        for plane in [reader.scales, reader.mins] where !plane.isEmpty {
            for group in 0..<groups {
                out[at] = UInt8(truncatingIfNeeded: plane[group])
                at += 1
                guard form.levels == 1 else { continue }
                out[at] = UInt8(plane[group] >> 8)
                at += 1
            }
        }
        for plane in [reader.supers, reader.superMins] {
            for bits in plane.prefix(form.superCount(source.columns)) {
                out[at] = UInt8(truncatingIfNeeded: bits)
                out[at + 1] = UInt8(bits >> 8)
                at += 2
            }
        }
    }
}
