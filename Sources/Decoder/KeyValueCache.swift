package import Kernels
internal import Machine

/// Keys and values of every position so far, `[layers, heads, context]` rows of one head's elements each.
///
/// Pages are touched as positions fill, so a short conversation in a long context costs little memory.
package struct KeyValueCache: Sendable {
    package let context: Int
    package let format: CacheFormat
    private let layers: Int
    private let heads: Int
    private let rowBytes: Int
    private let keys: SharedBuffer<UInt8>
    private let values: SharedBuffer<UInt8>

    package init(layers: Int, heads: Int, headDimension: Int, context: Int, format: CacheFormat) {
        self.context = context
        self.format = format
        self.layers = layers
        self.heads = heads
        rowBytes = format.rowBytes(headDimension: headDimension)
        keys = SharedBuffer(count: layers * heads * context * rowBytes)
        values = SharedBuffer(count: layers * heads * context * rowBytes)
    }

    /// Bytes when the context is full.
    package var byteCount: Int { keys.count + values.count }

    /// Bytes of the pages that hold the first `positions` positions, at most.
    func byteCount(of positions: Int) -> Int {
        // A head's rows begin and end anywhere in a page.
        let page = ProcessFacts.pageBytes
        let each = (positions * rowBytes + page - 1) / page * page + page
        return min(2 * layers * heads * each, byteCount)
    }

    /// Gives the memory of all positions from `first` on back to the machine: they are to be written before they are read.
    func giveBack(from first: Int) {
        guard first < context else { return }
        for layer in 0..<layers {
            for head in 0..<heads {
                let start = start(layer, head, first)
                let rows = start..<start + (context - first) * rowBytes
                keys.giveBack(rows)
                values.giveBack(rows)
            }
        }
    }

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
