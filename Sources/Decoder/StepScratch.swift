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
    /// Hidden channels that this token needs; each worker writes the part whose gate it has computed.
    let channels: KeepMask
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
        channels = KeepMask(count: shape.feedForward)
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
    /// Sparse inputs of matrices: of the embedding's width, and of the queries'.
    let sparseInput: SparseScratch
    let sparseMixed: SparseScratch
    /// Hidden channels of one token of a batch.
    let channelMask: KeepMask
    let tally: SiteTally

    init(_ shape: ModelParameters, context: Int) {
        normed = SharedBuffer(count: WeightForm.padded(shape.embedding))
        input = Activations(length: shape.embedding)
        mixed = Activations(length: shape.heads * shape.headDimension)
        scores = SharedBuffer(count: KernelSet.scoreCount(length: context))
        sparseInput = SparseScratch(length: shape.embedding)
        sparseMixed = SparseScratch(length: shape.heads * shape.headDimension)
        channelMask = KeepMask(count: shape.feedForward)
        tally = SiteTally(layers: shape.layers)
    }

    var inputMask: KeepMask { sparseInput.mask }
    var mixedMask: KeepMask { sparseMixed.mask }
}

/// Where a worker puts an input from which channels are left out.
struct SparseScratch: Sendable {
    let mask: KeepMask
    /// `[length]`, the input less its center.
    let values: FloatSlice
    let activations: Activations

    init(length: Int) {
        mask = KeepMask(count: length)
        values = FloatSlice(SharedBuffer(count: WeightForm.padded(length)), 0..<length)
        activations = Activations(length: length)
    }
}
