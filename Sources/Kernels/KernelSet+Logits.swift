internal import CKernels
package import Machine

/// Reductions over the logits.
extension KernelSet {
    /// Index of the largest element, the lowest among equals.
    package func argmax(_ x: FloatSlice) -> Int {
        precondition(x.count > 0)
        return unsafe ck_argmax(x.base, x.count)
    }

    /// `log(Σ exp(x / temperature))`, summed in double.
    package func logSumExp(_ x: FloatSlice, temperature: Float = 1) -> Double {
        precondition(temperature > 0, "\(temperature)")
        return unsafe ck_log_sum_exp(x.base, x.count, 1 / temperature)
    }

    /// Elements that have a sum of their own in `sumWeights`.
    package static let weightBlock = Int(CK_WEIGHT_BLOCK)

    /// `sums[b] = Σ exp((x[i] - best) / temperature)` over block b of `x`, for each of `blocks`.
    package func sumWeights(
        _ x: FloatSlice, best: Float, temperature: Float, blocks: Range<Int>, into sums: SharedBuffer<Double>
    ) {
        precondition(
            temperature > 0 && blocks.lowerBound >= 0 && blocks.upperBound <= sums.count, "\(blocks)")
        let part = blocks.lowerBound * Self.weightBlock..<min(blocks.upperBound * Self.weightBlock, x.count)
        unsafe ck_block_weights(
            sums.address(of: blocks.lowerBound), x[part].base, part.count, 1 / temperature, best)
    }
}
