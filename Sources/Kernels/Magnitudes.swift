internal import CKernels
internal import Machine

/// A histogram of magnitudes, 128 bins an octave: bounded memory, quantiles within 0.8 %.
package struct MagnitudeHistogram: Sendable {
    private let bins = SharedBuffer<UInt32>(count: Int(CK_HISTOGRAM_BINS))

    package init() {}

    /// Counts `|x|`, or `|x · weights|` where weights are given. At most 2^32 values in all.
    package func add(_ x: FloatSlice, weights: FloatSlice? = nil) {
        precondition(weights == nil || weights?.count == x.count, "\(x.count) values")
        let factors = unsafe weights.map { unsafe UnsafePointer($0.base) }
        unsafe ck_histogram_add(bins.address(), x.base, factors, x.count)
    }

    /// Forgets everything.
    package func reset() {
        bins.withMutableSpan(0..<bins.count) { span in
            for index in span.indices { span[index] = 0 }
        }
    }

    /// Adds these counts to `total`, which has as many bins.
    package func add(to total: inout [UInt64]) {
        precondition(total.count == bins.count, "\(total.count) bins")
        bins.withSpan(0..<bins.count) { span in
            for index in span.indices where span[index] != 0 { total[index] += UInt64(span[index]) }
        }
    }

    package static var binCount: Int { Int(CK_HISTOGRAM_BINS) }

    /// Where bin `index` begins.
    package static func lowerBound(_ index: Int) -> Float { Float(bitPattern: UInt32(index) << 16) }
}

/// Sums of a vector's values, magnitudes and squares, place by place, over many vectors.
package struct MomentSums: Sendable {
    package let count: Int
    private let sums: SharedBuffer<Double>

    package init(count: Int) {
        self.count = count
        sums = SharedBuffer(count: 3 * count)
    }

    package func add(_ x: FloatSlice) {
        precondition(x.count == count, "\(x.count) values for \(count)")
        unsafe ck_moments_add(
            sums.address(), sums.address(of: count), sums.address(of: 2 * count), x.base, count)
    }

    package var values: [Double] { sums.elements(0..<count) }
    package var magnitudes: [Double] { sums.elements(count..<2 * count) }
    package var squares: [Double] { sums.elements(2 * count..<3 * count) }
}

extension KernelSet {
    /// `KL(softmax(p) || softmax(q))` in nats, summed in double.
    package func divergence(of p: FloatSlice, from q: FloatSlice) -> Double {
        precondition(p.count == q.count, "\(p.count), \(q.count)")
        return unsafe ck_divergence(p.base, q.base, p.count)
    }
}
