internal import CKernels
package import Machine
internal import Tensors

/// The operations of one decoding step: one vector at a time.
///
/// Every length is compared here, once an operation; the C kernels trust what they are given.
extension KernelSet {
    /// Quantises `values` to int8 in groups of 32.
    package func quantize(_ values: FloatSlice, into x: Activations) {
        precondition(values.count == x.length, "\(values.count) values for \(x.length)")
        var vector = unsafe x.vector(0, values: values.base)
        unsafe table.pointee.quantize(&vector, values.base, values.count)
    }

    /// `y[r] = W[r] · x` for `rows` of the matrix; `y` holds all rows.
    ///
    /// - Parameter values: what `x` was quantised from; matrices of floats use it.
    package func dot(
        into y: FloatSlice, _ weights: RowMatrix, _ x: Activations, values: FloatSlice, rows: Range<Int>
    ) {
        precondition(
            x.length == weights.columns && values.count == x.length, "\(x.length), \(weights.columns)")
        precondition(rows.lowerBound >= 0 && rows.upperBound <= weights.rows && y.count >= weights.rows)
        guard !rows.isEmpty else { return }
        var vector = unsafe x.vector(0, values: values.base)
        var matrix = unsafe weights.raw
        unsafe table.pointee.rows_dot(y.base, &matrix, &vector, nil, rows.lowerBound, rows.upperBound)
    }

    /// `y[j] += Σ W[j, c] x[c]` over the channels that `mask` keeps, all without one. The weights of other
    /// channels are not touched.
    ///
    /// - Parameters:
    ///   - blocks: of 32 channels each; all by default.
    ///   - outputs: begins at a multiple of 64.
    package func addChannels(
        into y: FloatSlice, _ weights: ChannelMatrix, _ x: Activations, values: FloatSlice,
        mask: KeepMask? = nil, blocks: Range<Int>? = nil, outputs: Range<Int>
    ) {
        checkInput(x, values, mask, of: weights)
        let blocks = blocks ?? 0..<weights.blocks
        checkBlocks(blocks, of: weights)
        checkOutputs(outputs, of: weights, in: y)
        guard !outputs.isEmpty else { return }
        var vector = unsafe x.vector(0, values: values.base)
        let bits = unsafe mask.map { unsafe UnsafePointer($0.words.address()) }
        unsafe weights.forEachPart(of: outputs) { matrix, first, outputs in
            unsafe table.pointee.channels_add(
                y.base + first, &matrix, &vector, bits, blocks.lowerBound, blocks.upperBound,
                outputs.lowerBound, outputs.upperBound)
        }
    }

    /// The same of several ranges of blocks, each into a row of `sums`, which is cleared first. Panels are taken one after
    /// another with all their blocks, so that memory is read in order.
    package func addChannels(
        into sums: FloatRows, blocks: (Int) -> Range<Int>, _ weights: ChannelMatrix, _ x: Activations,
        values: FloatSlice, mask: KeepMask? = nil, outputs: Range<Int>
    ) {
        checkInput(x, values, mask, of: weights)
        for row in 0..<sums.count { checkBlocks(blocks(row), of: weights) }
        checkOutputs(outputs, of: weights, in: sums[sums.count - 1])
        guard !outputs.isEmpty else { return }
        var vector = unsafe x.vector(0, values: values.base)
        let bits = unsafe mask.map { unsafe UnsafePointer($0.words.address()) }
        let base = unsafe sums.slice.base
        unsafe weights.forEachPart(of: outputs) { matrix, first, outputs in
            for row in 0..<sums.count {
                let y = unsafe base + row * sums.stride + first
                unsafe (y + outputs.lowerBound).update(repeating: 0, count: outputs.count)
                let blocks = blocks(row)
                unsafe table.pointee.channels_add(
                    y, &matrix, &vector, bits, blocks.lowerBound, blocks.upperBound, outputs.lowerBound,
                    outputs.upperBound)
            }
        }
    }

    /// One part of a feed-forward layer, `y += down (gate · (up x))` over the blocks of 32 channels in `blocks`.
    ///
    /// - Parameters:
    ///   - y: `[padded outputs]`, added to.
    ///   - gate: `[channels]`, activated.
    ///   - mask: channels whose weights are read; all without one.
    ///   - hiddenLimit: products `gate · (up x)` of a smaller magnitude are left out as well.
    ///   - next: the blocks behind these that this thread is likely to be given next, whose first weights are asked
    ///     for towards the end.
    /// - Returns: how many channels of `down` were read.
    package func feedForward(
        into y: FloatSlice, up: RowMatrix, down: ChannelMatrix, _ x: Activations, values: FloatSlice,
        gate: FloatSlice, mask: KeepMask? = nil, hiddenLimit: Float = 0, blocks: Range<Int>,
        next: Range<Int>? = nil, scratch: KernelScratch
    ) -> Int {
        precondition(x.length == up.columns && values.count == x.length, "\(x.length), \(up.columns)")
        precondition(up.rows == down.channels && gate.count == up.rows, "\(up.rows), \(down.channels)")
        checkBlocks(blocks, of: down)
        precondition(next.map { $0.lowerBound >= blocks.upperBound } ?? true, "\(String(describing: next))")
        precondition(y.capacity >= WeightForm.padded(down.outputs), "\(y.capacity), \(down.outputs)")
        precondition(mask == nil || mask?.count == down.channels, "a mask for \(down.channels)")
        var vector = unsafe x.vector(0, values: values.base)
        var upper = unsafe up.raw
        var lower = unsafe down.raw
        let bits = unsafe mask.map { unsafe UnsafePointer($0.words.address()) }
        return unsafe ck_feed_forward(
            table, y.base, &upper, &lower, &vector, gate.base, bits, hiddenLimit, blocks.lowerBound,
            blocks.upperBound, next?.lowerBound ?? .max, scratch.buffer.address())
    }

    /// `out[i] = x[i] · gain[i] / sqrt(mean(x²) + epsilon)`. Source: Zhang & Sennrich 2019.
    package func rmsNorm(_ x: FloatSlice, gain: SharedBuffer<Float>, epsilon: Float, into out: FloatSlice) {
        precondition(x.count == gain.count && out.count == x.count, "\(x.count), \(gain.count), \(out.count)")
        unsafe table.pointee.rms_norm(out.base, x.base, gain.address(), x.count, epsilon)
    }

    /// `gate[i] = act(gate[i])` in place.
    package func activate(_ gate: FloatSlice, _ activation: GateActivation) {
        unsafe table.pointee.activate(gate.base, gate.count, activation.raw)
    }

    /// `gate[i] = act(gate[i]) · up[i]` in place.
    package func activate(_ gate: FloatSlice, times up: FloatSlice, _ activation: GateActivation) {
        precondition(gate.count == up.count, "\(gate.count), \(up.count)")
        unsafe table.pointee.activate_multiply(gate.base, up.base, gate.count, activation.raw)
    }

    /// Rotates `heads` vectors of `x` in place by the angles whose cosines and sines are given.
    package func rotate(
        _ x: FloatSlice, heads: Int, cosines: FloatSlice, sines: FloatSlice, interleaved: Bool
    ) {
        guard heads > 0 else { return }
        let head = x.count / heads
        let rotated = 2 * cosines.count
        precondition(head * heads == x.count && rotated <= head && sines.count == cosines.count)
        unsafe table.pointee.rope(
            x.base, heads, head, rotated, cosines.base, sines.base, interleaved ? 1 : 0)
    }

    /// `y += x`, element by element.
    package func add(_ x: FloatSlice, to y: FloatSlice) {
        precondition(x.count == y.count, "\(x.count), \(y.count)")
        unsafe ck_add(y.base, x.base, x.count)
    }

    /// `y += x[0] + x[1] + ...`, added one after another, of the columns from `start` on.
    package func add(_ rows: FloatRows, from start: Int, to y: FloatSlice) {
        precondition(start >= 0 && start + y.count <= rows.length, "\(start)+\(y.count) of \(rows.length)")
        unsafe ck_add_rows(y.base, rows.slice.base + start, rows.stride, rows.count, y.count)
    }

    /// `y *= x`, element by element.
    package func multiply(_ y: FloatSlice, by x: FloatSlice) {
        precondition(x.count == y.count, "\(x.count), \(y.count)")
        unsafe ck_multiply(y.base, x.base, x.count)
    }

    /// The weights of `row` as floats.
    package func decodeRow(_ row: Int, of weights: RowMatrix, into out: FloatSlice) {
        precondition(
            row >= 0 && row < weights.rows && out.count == weights.columns, "\(row) of \(weights.rows)")
        var matrix = unsafe weights.raw
        unsafe ck_row_decode(out.base, &matrix, row)
    }

    private func checkInput(
        _ x: Activations, _ values: FloatSlice, _ mask: KeepMask?, of weights: ChannelMatrix
    ) {
        precondition(
            x.length == weights.channels && values.count == x.length, "\(x.length), \(weights.channels)")
        precondition(mask == nil || mask?.count == weights.channels, "a mask for \(weights.channels)")
    }

    private func checkBlocks(_ blocks: Range<Int>, of weights: ChannelMatrix) {
        precondition(
            blocks.lowerBound >= 0 && blocks.upperBound <= weights.blocks, "\(blocks) of \(weights.blocks)")
    }

    func checkOutputs(_ outputs: Range<Int>, of weights: ChannelMatrix, in y: FloatSlice) {
        precondition(
            outputs.lowerBound >= 0 && outputs.lowerBound % 64 == 0 && outputs.upperBound <= weights.outputs
                && (outputs.upperBound % 64 == 0 || outputs.upperBound == weights.outputs),
            "\(outputs) of \(weights.outputs)")
        precondition(
            y.count >= weights.outputs && y.capacity >= WeightForm.padded(weights.outputs),
            "\(y.count) for \(weights.outputs)")
    }
}

/// The function between the gate and the product with `up`.
package enum GateActivation: Sendable {
    case silu
    case geluTanh

    var raw: Int32 {
        switch self {
        case .silu: Int32(CK_SILU)
        case .geluTanh: Int32(CK_GELU_TANH)
        }
    }
}
