package import Kernels
internal import Machine

/// Keys and values of every position so far, f16 `[layers, heads, context, head dimension]` each.
///
/// Pages are touched as positions fill, so a short conversation in a long context costs little memory.
package struct KeyValueCache: Sendable {
    package let context: Int
    private let heads: Int
    private let headDimension: Int
    private let keys: SharedBuffer<UInt16>
    private let values: SharedBuffer<UInt16>

    package init(layers: Int, heads: Int, headDimension: Int, context: Int) {
        self.context = context
        self.heads = heads
        self.headDimension = headDimension
        keys = SharedBuffer(count: layers * heads * context * headDimension)
        values = SharedBuffer(count: layers * heads * context * headDimension)
    }

    /// Bytes when the context is full.
    package var byteCount: Int { (keys.count + values.count) * 2 }

    package func slice(layer: Int, head: Int) -> CacheSlice {
        CacheSlice(keys: keys, values: values, start: start(layer, head), stride: headDimension)
    }

    func storeKey(_ key: FloatSlice, layer: Int, head: Int, position: Int, with kernels: KernelSet) {
        precondition(position < context, "\(position) of \(context)")
        kernels.storeHalf(key, into: keys, at: start(layer, head) + position * headDimension)
    }

    func storeValue(_ value: FloatSlice, layer: Int, head: Int, position: Int, with kernels: KernelSet) {
        precondition(position < context, "\(position) of \(context)")
        kernels.storeHalf(value, into: values, at: start(layer, head) + position * headDimension)
    }

    private func start(_ layer: Int, _ head: Int) -> Int { (layer * heads + head) * context * headDimension }
}
