internal import Tensors
internal import WeightStore

/// The columns of a head as its rough rows have them.
///
/// Each is divided by its root mean square, so that one step serves a whole row. Those along which hidden states reach
/// furthest get a byte: the gain of the norm before the head, times that root mean square, tells which.
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

    /// Where codes of normally distributed values change, in their deviations: about where they are off least (Max 1960).
    private static let normalStep: Float = 1.1

    /// `values`: of the columns in their order, divided by their factors.
    private func write(_ values: Span<Float>, into out: inout [UInt8], at start: Int) {
        let fine = min(layout.fine, values.count)
        let all = rootMeanSquare(values, 0..<values.count)
        let factors = start + layout.fine + layout.coarseBytes
        // What is no number, or makes none when squared. Such a row is never left out.
        guard all.isFinite else {
            out.write(Float16.infinity, at: factors + 4)
            return
        }
        let fineStep = writeFine(values, 0..<fine, into: &out, at: start)
        let (step, rest) = writeCoarse(values, fine..<values.count, into: &out, at: start + layout.fine)
        // The kernels take weights for no more than four deviations in the mean square, and what rounding to a byte costs
        // for a tenth of one.
        let deviation = max(
            rest, rootMeanSquare(values, 0..<fine) / 4, rootMeanSquare(values, fine..<values.count) / 4,
            3 * Float(fineStep))
        let rounded = Float16(deviation)
        let isBounded = step.isFinite && fineStep.isFinite
        out.write(isBounded ? step : 0, at: factors)
        out.write(isBounded ? fineStep : 0, at: factors + 2)
        out.write(
            !isBounded ? .infinity : Float(rounded) < deviation ? rounded.nextUp : rounded, at: factors + 4)
    }

    private func rootMeanSquare(_ values: Span<Float>, _ range: Range<Int>) -> Float {
        var squares: Float = 0
        for index in range { squares += values[index] * values[index] }
        return (squares / Float(max(range.count, 1))).squareRoot()
    }

    /// Writes a byte for each value, and returns its step.
    private func writeFine(
        _ values: Span<Float>, _ range: Range<Int>, into out: inout [UInt8], at start: Int
    ) -> Float16 {
        var largest: Float = 0
        for index in range { largest = max(largest, abs(values[index])) }
        let step = Float16(largest / 127)
        guard step.isFinite, step > 0 else { return step }
        for index in range {
            let code = max(-127, min((values[index] / Float(step)).rounded(), 127))
            out[start + index] = UInt8(bitPattern: Int8(code))
        }
        return step
    }

    /// Writes 2 bits for each value, and returns their step, and by how much they are off in the mean square.
    ///
    /// The step is the one with which what is off is no part of the weights themselves. With a smaller one, which is off
    /// less, products of rows that lie along the hidden state come out too small, and those are the likeliest words.
    private func writeCoarse(
        _ values: Span<Float>, _ range: Range<Int>, into out: inout [UInt8], at start: Int
    ) -> (step: Float16, rest: Float) {
        let width = rootMeanSquare(values, range) * Self.normalStep
        let inverse = width.isNormal ? 1 / width : 0
        var (products, squares): (Float, Float) = (0, 0)
        for index in range {
            let code = max(0, min((values[index] * inverse + 2).rounded(.down), 3))
            let (byte, shift) = layout.place(ofCoarse: index - range.lowerBound)
            out[start + byte] |= UInt8(code) << UInt8(shift)
            products += values[index] * (code - 1.5)
            squares += values[index] * values[index]
        }
        let step = Float16(products > 0 ? squares / products : 0)
        var rests: Float = 0
        for index in range {
            let (byte, shift) = layout.place(ofCoarse: index - range.lowerBound)
            let rest = values[index] - Float(step) * (Float(out[start + byte] >> UInt8(shift) & 3) - 1.5)
            rests += rest * rest
        }
        return (step, (rests / Float(max(range.count, 1))).squareRoot())
    }
}
