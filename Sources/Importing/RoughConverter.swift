internal import Tensors
internal import WeightStore

/// The columns of a head as its rough rows have them.
///
/// Each is divided by its root mean square, so that one step serves a whole row. Those along which hidden states reach
/// furthest get a byte: what they are taken for by is the gain of the norm before the head, times that root mean square.
struct RoughColumns: Sendable {
    /// Of each column; negative for those that have a byte.
    let factors: [Float]
    /// Those with a byte first, each kind in its order.
    let order: [Int]

    /// - Parameter gain: of the norm before the head.
    init(head: SourceMatrix, gain: [Float]) {
        let deviations = Self.deviations(head)
        let reach = zip(deviations, gain).map { abs($0 * $1) }
        let ranked = reach.indices.sorted { reach[$0] != reach[$1] ? reach[$0] > reach[$1] : $0 < $1 }
        let fine = Set(ranked.prefix(RoughRows(columns: head.columns).fine))
        factors = deviations.indices.map { fine.contains($0) ? -deviations[$0] : deviations[$0] }
        order = deviations.indices.filter(fine.contains) + deviations.indices.filter { !fine.contains($0) }
    }

    /// Rows that stand for all.
    private static let sampledRows = 4096

    /// The root mean square of each column; 1 where that is no positive number.
    private static func deviations(_ head: SourceMatrix) -> [Float] {
        let count = min(head.rows, sampledRows)
        var sums = [Double](repeating: 0, count: head.columns)
        var reader = RowReader(head)
        for sample in 0..<count {
            let row = sample * head.rows / count
            let values = reader.read(head.bytes(rows: row..<row + 1).span, row: 0)
            for column in sums.indices { sums[column] += Double(values[column]) * Double(values[column]) }
        }
        head.release(rows: 0..<head.rows)
        return sums.map { sum in
            let deviation = Float((sum / Double(count)).squareRoot())
            return deviation.isNormal && (1 / deviation).isNormal ? deviation : 1
        }
    }

    /// The factors as a store has them.
    var bytes: [UInt8] {
        factors.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
    }
}

/// Lays rows of the source out roughly; see `RoughRows`.
struct RoughConverter {
    private let source: SourceMatrix
    private let layout: RoughRows
    private let order: [Int]
    /// What each column is multiplied with, in the order of the source.
    private let inverses: [Float]

    init(_ source: SourceMatrix, _ columns: RoughColumns) {
        self.source = source
        layout = RoughRows(columns: source.columns)
        order = columns.order
        inverses = columns.factors.map { 1 / abs($0) }
    }

    /// Writes `rows` to `out`, which holds zeros.
    func convert(rows: Range<Int>, into out: inout [UInt8]) {
        let bytes = source.bytes(rows: rows)
        var reader = RowReader(source)
        var values = [Float](repeating: 0, count: source.columns)
        for row in 0..<rows.count {
            let weights = reader.read(bytes.span, row: row)
            for (place, column) in order.enumerated() { values[place] = weights[column] * inverses[column] }
            write(values.span, into: &out, at: row * layout.stride)
        }
    }

    /// The step of four levels that is off least of normally distributed values, in their deviations (Max 1960).
    private static let normalStep: Float = 0.9957

    private func write(_ values: Span<Float>, into out: inout [UInt8], at start: Int) {
        let fine = min(layout.fine, values.count)
        var (largest, fineSquares, squares): (Float, Float, Float) = (0, 0, 0)
        for index in 0..<fine {
            largest = max(largest, abs(values[index]))
            fineSquares += values[index] * values[index]
        }
        for index in fine..<values.count { squares += values[index] * values[index] }
        let coarse = max(values.count - fine, 1)
        let deviation = (squares / Float(coarse)).squareRoot()
        let (step, fineStep) = (Float16(deviation * Self.normalStep), Float16(largest / 127))
        let factors = start + layout.fine + layout.coarseBytes
        // Sums of what is no number, or too large for one. Such a row is never left out.
        guard step.isFinite, fineStep.isFinite, fineSquares.isFinite else {
            out.write(Float16.infinity, at: factors + 4)
            return
        }
        let inverse = fineStep > 0 ? 1 / Float(fineStep) : 0
        for index in 0..<fine {
            let code = max(-127, min((values[index] * inverse).rounded(), 127))
            out[start + index] = UInt8(bitPattern: Int8(code))
        }
        let coarseInverse = step > 0 ? 1 / Float(step) : 0
        var lost: Float = 0
        for index in fine..<values.count {
            let code = max(0, min((values[index] * coarseInverse + 2).rounded(.down), 3))
            let rest = values[index] - Float(step) * (code - 1.5)
            lost += rest * rest
            let (byte, shift) = layout.place(ofCoarse: index - fine)
            out[start + layout.fine + byte] |= UInt8(code) << UInt8(shift)
        }
        // The kernels take weights for no more than four deviations in the mean square, and what rounding to a byte costs
        // for a tenth of one.
        let least = max(
            (lost / Float(coarse)).squareRoot(), deviation / 4,
            (fineSquares / Float(max(fine, 1))).squareRoot() / 4, 3 * Float(fineStep))
        out.write(step, at: factors)
        out.write(fineStep, at: factors + 2)
        let rounded = Float16(least)
        out.write(Float(rounded) < least ? rounded.nextUp : rounded, at: factors + 4)
    }
}

/// Rows of the source as floats.
private struct RowReader {
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
