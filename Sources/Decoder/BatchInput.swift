internal import Kernels
internal import Machine
internal import Tensors

/// The input of matrices for a batch of tokens: values, and their quantised form.
///
/// Activations of 8 bits are what decoding computes with. With 16, what quantising lost is quantised once
/// more and multiplied too: half the speed, and the noise of rounding (0.004 nats of KL on SmolLM2) is gone.
struct BatchInput: Sendable {
    let length: Int
    let stride: Int
    /// `[capacity, stride]`, the values.
    let buffer: SharedBuffer<Float>
    private let activations: Activations
    private let lostBuffer: SharedBuffer<Float>
    private let lost: Activations

    init(length: Int, capacity: Int) {
        self.length = length
        stride = WeightForm.padded(length)
        buffer = SharedBuffer(count: capacity * stride)
        activations = Activations(length: length, capacity: capacity)
        lostBuffer = SharedBuffer(count: capacity * stride)
        lost = Activations(length: length, capacity: capacity)
    }

    /// Bytes that only activations of 16 bits touch.
    var wideBytes: Int { lostBuffer.count * MemoryLayout<Float>.stride + lost.byteCount }

    /// The first `count` vectors.
    func rows(_ count: Int) -> FloatRows {
        FloatRows(buffer, count: count, length: length, stride: stride)
    }

    /// Vector `row`, to be written before it is quantised.
    func row(_ row: Int) -> FloatSlice {
        FloatSlice(buffer, row * stride..<row * stride + length)
    }

    func quantize(_ row: Int, _ precision: ActivationPrecision, _ kernels: KernelSet) {
        let values = rows(row + 1)
        kernels.quantize(values, row: row, into: activations)
        guard precision == .int16 else { return }
        let rest = FloatRows(lostBuffer, count: row + 1, length: length, stride: stride)
        kernels.residual(of: activations, values: values, row: row, into: rest)
        kernels.quantize(rest, row: row, into: lost)
    }

    /// `y[t] = W x[t]` for `range` of the rows of W, and the first `y.count` tokens.
    ///
    /// - Parameter spare: as long as `y`; used where activations have 16 bits.
    func multiply(
        into y: FloatRows, spare: FloatRows, _ weights: RowMatrix, rows range: Range<Int>,
        _ precision: ActivationPrecision, _ kernels: KernelSet, _ scratch: KernelScratch
    ) {
        kernels.multiply(
            into: y, weights, activations, values: rows(y.count), rows: range, scratch: scratch)
        guard precision == .int16, !weights.form.code.isFloat else { return }
        let rest = FloatRows(lostBuffer, count: y.count, length: length, stride: stride)
        kernels.multiply(into: spare, weights, lost, values: rest, rows: range, scratch: scratch)
        for row in 0..<y.count { kernels.add(spare[row][range], to: y[row][range]) }
    }

    /// `y[t] += W x[t]` for `range` of the outputs of W, and the first `y.count` tokens.
    func multiplyAdd(
        into y: FloatRows, _ weights: ChannelMatrix, outputs range: Range<Int>,
        _ precision: ActivationPrecision, _ kernels: KernelSet, _ scratch: KernelScratch
    ) {
        kernels.multiplyAdd(
            into: y, weights, activations, values: rows(y.count), outputs: range, scratch: scratch)
        guard precision == .int16, !weights.form.code.isFloat else { return }
        let rest = FloatRows(lostBuffer, count: y.count, length: length, stride: stride)
        kernels.multiplyAdd(into: y, weights, lost, values: rest, outputs: range, scratch: scratch)
    }
}

/// Bits of the activations that weights are multiplied with.
package enum ActivationPrecision: String, Sendable, CaseIterable {
    /// As decoding computes.
    case int8
    /// For judging what sparsity alone does.
    case int16
}
