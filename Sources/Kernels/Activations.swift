internal import CKernels
internal import Machine
internal import Tensors

/// Scratch for `capacity` quantised vectors of one length; see `ck_batch` and `ck_activations`.
///
/// UNSAFE FENCE: the buffers are retained here, and every length the kernels walk follows from `length`.
/// Threads quantise disjoint vectors and meet at a barrier before anyone multiplies with them.
@safe package final class Activations: @unchecked Sendable {
    package let capacity: Int
    /// Elements of each vector.
    package let length: Int
    private let codes: SharedBuffer<Int8>
    private let scale32: SharedBuffer<Float>
    private let sum32: SharedBuffer<Float>
    private let scale16: SharedBuffer<Float>
    private let sum16: SharedBuffer<Float>

    package init(length: Int, capacity: Int = 1) {
        precondition(length > 0 && capacity > 0, "[\(capacity), \(length)]")
        self.length = length
        self.capacity = capacity
        let padded = WeightForm.padded(length)
        codes = SharedBuffer(count: capacity * padded)
        scale32 = SharedBuffer(count: capacity * padded / 32)
        sum32 = SharedBuffer(count: capacity * padded / 32)
        scale16 = SharedBuffer(count: capacity * padded / 16)
        sum16 = SharedBuffer(count: capacity * padded / 16)
    }

    package var byteCount: Int {
        codes.count + (scale32.count + sum32.count + scale16.count + sum16.count) * MemoryLayout<Float>.stride
    }

    /// Vector `index`, whose values before quantisation begin at `values`.
    @unsafe func vector(_ index: Int, values: UnsafePointer<Float>?) -> ck_activations {
        precondition(index >= 0 && index < capacity, "\(index) of \(capacity)")
        let padded = WeightForm.padded(length)
        return unsafe ck_activations(
            n: length, values: values, codes: codes.address(of: index * padded),
            scale32: scale32.address(of: index * padded / 32), sum32: sum32.address(of: index * padded / 32),
            scale16: scale16.address(of: index * padded / 16), sum16: sum16.address(of: index * padded / 16),
            arrangement: nil)
    }

    /// The first `count` vectors, whose values before quantisation are `valueStride` apart.
    @unsafe func batch(count: Int, values: UnsafePointer<Float>, valueStride: Int) -> ck_batch {
        precondition(count >= 0 && count <= capacity, "\(count) of \(capacity)")
        return unsafe ck_batch(
            count: count, n: length, values: values, value_stride: valueStride, codes: codes.address(),
            scale32: scale32.address(), sum32: sum32.address(), scale16: scale16.address(),
            sum16: sum16.address())
    }
}

/// Scratch memory of one thread for the operations that unpack weights.
package struct KernelScratch: Sendable {
    let buffer = SharedBuffer<UInt8>(count: Int(CK_SCRATCH_BYTES))

    package init() {}
}
