internal import CKernels
internal import Machine
internal import Tensors

/// The operations of a head that computes some logits exactly, and the others from a preview.
extension KernelSet {
    /// `y[r] = W[r] · x` for those of `rows` that `mask` keeps; other rows, and their places in `y`, are not touched.
    ///
    /// - Parameter rows: begins at a multiple of 32.
    package func dot(
        into y: FloatSlice, _ weights: RowMatrix, _ x: Activations, values: FloatSlice, mask: KeepMask,
        rows: Range<Int>, scratch: KernelScratch
    ) {
        precondition(
            x.length == weights.columns && values.count == x.length, "\(x.length), \(weights.columns)")
        precondition(mask.count == weights.rows && y.count >= weights.rows, "\(mask.count), \(y.count)")
        precondition(
            rows.lowerBound >= 0 && rows.lowerBound % 32 == 0 && rows.upperBound <= weights.rows, "\(rows)")
        guard !rows.isEmpty else { return }
        var vector = unsafe x.vector(0, values: values.base)
        var matrix = unsafe weights.raw
        unsafe ck_rows_dot_kept(
            table, y.base, &matrix, &vector, mask.words.address(), rows.lowerBound, rows.upperBound,
            scratch.buffer.address())
    }

    /// Keeps the `count` largest elements of `x`, and a few more that are as good as the least of them.
    ///
    /// - Returns: how many.
    @discardableResult
    package func keepLargest(_ count: Int, of x: FloatSlice, into mask: KeepMask) -> Int {
        precondition(count > 0 && x.count == mask.count, "\(count) of \(x.count), \(mask.count)")
        return unsafe ck_keep_largest(mask.words.address(), x.base, x.count, count)
    }

    /// `y[i] = x[i]` where `mask` does not keep `i`.
    package func replace(_ y: FloatSlice, by x: FloatSlice, unless mask: KeepMask) {
        precondition(x.count == y.count && mask.count == y.count, "\(x.count), \(y.count), \(mask.count)")
        unsafe ck_replace(y.base, x.base, mask.words.address(), y.count)
    }

    /// `Σ x[i] y[i]`, summed in double.
    package func inner(_ x: FloatSlice, _ y: FloatSlice) -> Double {
        precondition(x.count == y.count, "\(x.count), \(y.count)")
        return unsafe ck_inner(x.base, y.base, x.count)
    }

    /// `y += Σ factors[i] · rows[i]`.
    ///
    /// - Parameters:
    ///   - factors: `rows.count` of them, `stride` apart.
    package func combine(into y: FloatSlice, _ factors: FloatSlice, stride: Int = 1, _ rows: FloatRows) {
        precondition(y.count == rows.length, "\(y.count), \(rows.length)")
        precondition(stride > 0 && (rows.count - 1) * stride < factors.count, "\(rows.count) by \(stride)")
        unsafe ck_combine(
            y.base, factors.base, stride, rows.slice.base, rows.stride, rows.count, y.count)
    }
}
