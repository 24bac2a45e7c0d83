internal import Kernels
internal import Machine
internal import Tensors
internal import WeightStore

/// Memory of one prefill batch, allocated once and touched only when prompts come.
struct BatchScratch: Sendable {
    let capacity: Int
    /// Strides of the rows, in floats: the widths padded to whole units.
    let width: Int
    let queryWidth: Int
    let keyWidth: Int
    let feedForwardWidth: Int
    /// `[capacity, width]`, the residual streams.
    let residual: SharedBuffer<Float>
    let normed: SharedBuffer<Float>
    let queries: SharedBuffer<Float>
    let keys: SharedBuffer<Float>
    let values: SharedBuffer<Float>
    let mixed: SharedBuffer<Float>
    let gate: SharedBuffer<Float>
    let up: SharedBuffer<Float>
    /// `[capacity, rope.dimension / 2]`.
    let cosines: SharedBuffer<Float>
    let sines: SharedBuffer<Float>
    let input: Activations
    let mixedInput: Activations
    let hidden: Activations
    /// One counter per layer for attention.
    let claims: ClaimCounters
    /// Set by worker 0 before a barrier, read by all after it.
    let isStopped: SharedBuffer<UInt8>

    init(_ shape: ModelParameters, capacity: Int) {
        self.capacity = capacity
        width = WeightForm.padded(shape.embedding)
        queryWidth = WeightForm.padded(shape.heads * shape.headDimension)
        keyWidth = WeightForm.padded(shape.keyValueHeads * shape.headDimension)
        feedForwardWidth = WeightForm.padded(shape.feedForward)
        residual = SharedBuffer(count: capacity * width)
        normed = SharedBuffer(count: capacity * width)
        queries = SharedBuffer(count: capacity * queryWidth)
        keys = SharedBuffer(count: capacity * keyWidth)
        values = SharedBuffer(count: capacity * keyWidth)
        mixed = SharedBuffer(count: capacity * queryWidth)
        gate = SharedBuffer(count: capacity * feedForwardWidth)
        up = SharedBuffer(count: capacity * feedForwardWidth)
        cosines = SharedBuffer(count: capacity * shape.rope.dimension / 2)
        sines = SharedBuffer(count: capacity * shape.rope.dimension / 2)
        input = Activations(length: shape.embedding, capacity: capacity)
        mixedInput = Activations(length: shape.heads * shape.headDimension, capacity: capacity)
        hidden = Activations(length: shape.feedForward, capacity: capacity)
        claims = ClaimCounters(count: shape.layers)
        isStopped = SharedBuffer(count: 1)
    }
}
