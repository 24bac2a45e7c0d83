internal import Tensors

/// Rows of the source as floats.
struct RowReader {
    private let source: SourceMatrix
    private let form: WeightForm
    private var blocks: BlockReader?
    private var values: [Float]

    init(_ source: SourceMatrix) {
        self.source = source
        form = source.format.form
        blocks = form.code.isFloat ? nil : BlockReader(source.format, capacity: source.columns)
        values = [Float](repeating: 0, count: source.columns)
    }

    /// Row `row` of `bytes`, whole rows.
    mutating func read(_ bytes: Span<UInt8>, row: Int) -> [Float] {
        let start = row * source.rowBytes
        guard blocks != nil else {
            for index in values.indices { values[index] = float(bytes, start, index) }
            return values
        }
        blocks?.read(bytes, from: start, count: source.columns)
        blocks?.decode(into: &values)
        return values
    }

    private func float(_ bytes: Span<UInt8>, _ start: Int, _ index: Int) -> Float {
        if form.code == .f32 {
            let at = start + 4 * index
            return Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) })
        }
        let bits = UInt16(bytes[start + 2 * index]) | UInt16(bytes[start + 2 * index + 1]) << 8
        return form.code == .bf16
            ? Float(bitPattern: UInt32(bits) << 16) : Float(Float16(bitPattern: bits))
    }
}
