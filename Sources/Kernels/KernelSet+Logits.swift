internal import CKernels

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
}
