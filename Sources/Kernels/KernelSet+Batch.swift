internal import CKernels
package import Machine
internal import Tensors

/// `count` vectors of floats, `stride` apart in one buffer: a batch of tokens.
package struct FloatRows: Sendable {
    package let slice: FloatSlice
    package let count: Int
    package let length: Int
    package let stride: Int

    /// Rows of `length` at the start of `buffer`, `stride` apart.
    package init(_ buffer: SharedBuffer<Float>, count: Int, length: Int, stride: Int) {
        self.init(FloatSlice(buffer), count: count, length: length, stride: stride)
    }

    /// The same at the start of `slice`.
    package init(_ slice: FloatSlice, count: Int, length: Int, stride: Int) {
        precondition(count > 0 && length > 0 && stride >= length, "[\(count), \(length)] by \(stride)")
        precondition(count * stride <= slice.count, "[\(count), \(length)] by \(stride) of \(slice.count)")
        self.slice = slice
        self.count = count
        self.length = length
        self.stride = stride
    }

    package subscript(row: Int) -> FloatSlice {
        precondition(row >= 0 && row < count, "\(row) of \(count)")
        return slice[row * stride..<row * stride + length]
    }
}

/// The operations of a prefill: a batch of tokens at a time.
extension KernelSet {
    /// Quantises row `row` of `values` as vector `row` of `x`.
    package func quantize(_ values: FloatRows, row: Int, into x: Activations) {
        precondition(values.length == x.length, "\(values.length) values for \(x.length)")
        let source = values[row]
        var vector = unsafe x.vector(row, values: source.base)
        unsafe table.pointee.quantize(&vector, source.base, source.count)
    }

    /// `y[t, r] = W[r] · x[t]` for `rows`, which begins at a multiple of 32, and the tokens of `values`.
    package func multiply(
        into y: FloatRows, _ weights: RowMatrix, _ x: Activations, values: FloatRows, rows: Range<Int>,
        scratch: KernelScratch
    ) {
        checkBatch(y, x, values, inputs: weights.columns, outputs: weights.rows)
        precondition(
            rows.lowerBound >= 0 && rows.lowerBound % 32 == 0 && rows.upperBound <= weights.rows, "\(rows)")
        guard !rows.isEmpty else { return }
        var batch = unsafe x.batch(count: values.count, values: values.slice.base, valueStride: values.stride)
        var matrix = unsafe weights.raw
        unsafe table.pointee.rows_matmul(
            y.slice.base, y.stride, &matrix, &batch, rows.lowerBound, rows.upperBound,
            scratch.buffer.address())
    }

    /// `y[t, j] += W[j] · x[t]` for `outputs`, which begins at a multiple of 64, and the tokens of `values`.
    package func multiplyAdd(
        into y: FloatRows, _ weights: ChannelMatrix, _ x: Activations, values: FloatRows,
        outputs: Range<Int>, scratch: KernelScratch
    ) {
        checkBatch(y, x, values, inputs: weights.channels, outputs: weights.outputs)
        precondition(y.stride >= WeightForm.padded(weights.outputs), "\(y.stride) for \(weights.outputs)")
        checkOutputs(outputs, of: weights, in: y.slice)
        guard !outputs.isEmpty else { return }
        var batch = unsafe x.batch(count: values.count, values: values.slice.base, valueStride: values.stride)
        unsafe weights.forEachPart(of: outputs) { matrix, first, outputs in
            unsafe table.pointee.channels_matmul(
                y.slice.base + first, y.stride, &matrix, &batch, outputs.lowerBound, outputs.upperBound,
                scratch.buffer.address())
        }
    }

    private func checkBatch(
        _ y: FloatRows, _ x: Activations, _ values: FloatRows, inputs: Int, outputs: Int
    ) {
        precondition(
            x.length == inputs && values.length == inputs, "\(x.length), \(values.length), \(inputs)")
        precondition(values.count <= x.capacity && y.count >= values.count, "\(values.count), \(x.capacity)")
        precondition(y.length >= outputs, "\(y.length) for \(outputs)")
    }
}
