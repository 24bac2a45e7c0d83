package import Kernels
internal import Machine

/// Keys and values of every position so far, `[layers, heads, context]` rows of one head's elements each.
///
/// Pages are touched as positions fill, so a short conversation in a long context costs little memory.
package struct KeyValueCache: Sendable {
    package let context: Int
    package let format: CacheFormat
    private let heads: Int
    private let rowBytes: Int
    private let keys: SharedBuffer<UInt8>
    private let values: SharedBuffer<UInt8>

    package init(layers: Int, heads: Int, headDimension: Int, context: Int, format: CacheFormat) {
        self.context = context
        self.format = format
        self.heads = heads
        rowBytes = format.rowBytes(headDimension: headDimension)
        keys = SharedBuffer(count: layers * heads * context * rowBytes)
        values = SharedBuffer(count: layers * heads * context * rowBytes)
    }

    /// Bytes when the context is full.
    package var byteCount: Int { keys.count + values.count }

    package func slice(layer: Int, head: Int) -> CacheSlice {
        CacheSlice(
            keys: keys, values: values, format: format, start: start(layer, head, 0), stride: rowBytes)
    }

    func storeKey(_ key: FloatSlice, layer: Int, head: Int, position: Int, with kernels: KernelSet) {
        kernels.store(key, as: format, into: keys, at: start(layer, head, position))
    }

    func storeValue(_ value: FloatSlice, layer: Int, head: Int, position: Int, with kernels: KernelSet) {
        kernels.store(value, as: format, into: values, at: start(layer, head, position))
    }

    private func start(_ layer: Int, _ head: Int, _ position: Int) -> Int {
        precondition(position < context, "\(position) of \(context)")
        return ((layer * heads + head) * context + position) * rowBytes
    }
}
