internal import Kernels
internal import Machine
internal import Tensors
internal import WeightStore

/// Memory of one decoding step, allocated once: what all workers share, and what each has of its own.
struct StepScratch: Sendable {
    /// `[embedding]`, the residual stream.
    let residual: SharedBuffer<Float>
    /// `[heads · head dimension]`.
    let queries: SharedBuffer<Float>
    /// `[keyValueHeads · head dimension]` each.
    let keys: SharedBuffer<Float>
    let values: SharedBuffer<Float>
    /// `[heads · head dimension]`, what attention found.
    let mixed: SharedBuffer<Float>
    /// `[feedForward]`.
    let gate: SharedBuffer<Float>
    /// `[chunks, embedding]`: each chunk of channels adds up on its own, so that the sum does not depend on
    /// which worker took it.
    let partials: [FloatSlice]
    let logits: SharedBuffer<Float>
    let cosines: SharedBuffer<Float>
    let sines: SharedBuffer<Float>
    /// One counter per layer for attention, one for the feed-forward chunks.
    let claims: ClaimCounters
    let workers: [WorkerScratch]

    init(_ shape: ModelParameters, context: Int, threads: Int) {
        let width = WeightForm.padded(shape.embedding)
        let queryWidth = WeightForm.padded(shape.heads * shape.headDimension)
        let keyWidth = WeightForm.padded(shape.keyValueHeads * shape.headDimension)
        residual = SharedBuffer(count: width)
        queries = SharedBuffer(count: queryWidth)
        keys = SharedBuffer(count: keyWidth)
        values = SharedBuffer(count: keyWidth)
        mixed = SharedBuffer(count: queryWidth)
        gate = SharedBuffer(count: WeightForm.padded(shape.feedForward))
        let blocks = (shape.feedForward + 31) / 32
        partials = (0..<min(16, blocks)).map { _ in FloatSlice(SharedBuffer(count: width)) }
        logits = SharedBuffer(count: WeightForm.padded(shape.vocabulary))
        cosines = SharedBuffer(count: shape.rope.dimension / 2)
        sines = SharedBuffer(count: shape.rope.dimension / 2)
        claims = ClaimCounters(count: 2 * shape.layers)
        workers = (0..<threads).map { _ in WorkerScratch(shape, context: context) }
    }
}

/// What a worker computes for itself: repeating a norm is cheaper than waiting for another thread's.
struct WorkerScratch: Sendable {
    /// `[embedding]`.
    let normed: SharedBuffer<Float>
    let input: Activations
    let mixed: Activations
    let scores: SharedBuffer<Float>
    let kernel = KernelScratch()

    init(_ shape: ModelParameters, context: Int) {
        normed = SharedBuffer(count: WeightForm.padded(shape.embedding))
        input = Activations(length: shape.embedding)
        mixed = Activations(length: shape.heads * shape.headDimension)
        scores = SharedBuffer(count: KernelSet.scoreCount(length: context))
    }
}
