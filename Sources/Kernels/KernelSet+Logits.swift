internal import CKernels

/// Reductions over the logits.
extension KernelSet {
    /// Index of the largest element, the lowest among equals.
    package func argmax(_ x: FloatSlice) -> Int {
        precondition(x.count > 0)
        return unsafe ck_argmax(x.base, x.count)
    }

    /// `log(Σ exp(x))`, summed in double.
    package func logSumExp(_ x: FloatSlice) -> Double { unsafe ck_log_sum_exp(x.base, x.count) }
}
