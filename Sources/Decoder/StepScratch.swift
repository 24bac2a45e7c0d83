internal import Kernels
internal import Machine
internal import Tensors
internal import WeightStore

/// Memory of one decoding step, allocated once: what all workers share, and what each has of its own.
struct StepScratch: Sendable {
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
    /// Those of them that would be needed even if they were not in memory.
    let urgentChannels: KeepMask
    /// Products of chunks of channels, to be summed: of `q_proj`, `o_proj` and the feed-forward part.
    let queryParts: Partials
    let outputParts: Partials
    let feedForwardParts: Partials
    let logits: SharedBuffer<Float>
    /// See `Decoder.logitFloor`.
    let logitFloor = SharedBuffer<Float>([-.infinity])
    let cosines: SharedBuffer<Float>
    let sines: SharedBuffer<Float>
    /// One row per layer and `Phase`, then one for the head and one for its preview or its bounds.
    let shares: WorkShares
    let workers: [WorkerScratch]
    /// Rows of the embedding that a fetch is for, or of the head.
    let wantedRows: KeepMask
    /// The row of the head behind those that were fetched.
    let fetchedRows = SharedBuffer<Int>(count: 1)

    init(_ shape: ModelParameters, context: Int, threads: Int) {
        let width = WeightForm.padded(shape.embedding)
        let queryWidth = WeightForm.padded(shape.heads * shape.headDimension)
        let keyWidth = WeightForm.padded(shape.keyValueHeads * shape.headDimension)
        queries = SharedBuffer(count: queryWidth)
        keys = SharedBuffer(count: keyWidth)
        values = SharedBuffer(count: keyWidth)
        mixed = SharedBuffer(count: queryWidth)
        gate = SharedBuffer(count: WeightForm.padded(shape.feedForward))
        channels = KeepMask(count: shape.feedForward)
        urgentChannels = KeepMask(count: shape.feedForward)
        queryParts = Partials(channels: shape.embedding, outputs: queryWidth, atMost: 4)
        outputParts = Partials(
            channels: shape.heads * shape.headDimension, outputs: width, atMost: 4)
        feedForwardParts = Partials(channels: shape.feedForward, outputs: width, atMost: 8)
        logits = SharedBuffer(count: WeightForm.padded(shape.vocabulary))
        cosines = SharedBuffer(count: shape.rope.dimension / 2)
        sines = SharedBuffer(count: shape.rope.dimension / 2)
        shares = WorkShares(count: Phase.count * shape.layers + 2, workers: threads)
        wantedRows = KeepMask(count: shape.vocabulary)
        workers = (0..<threads).map { _ in WorkerScratch(shape, context: context) }
    }
}

/// The parts of a layer whose work is taken piece by piece.
enum Phase: Int, CaseIterable {
    case query, output, gate, feedForward

    /// Counted once: a step asks for it hundreds of times, and `allCases` is a new array each time.
    static let count = allCases.count
}

/// Partial sums of a matrix by input channel: a fixed number of chunks of its channels, each added up on its
/// own, so that the sum does not depend on which worker took it, and so that a worker reads whole channels.
struct Partials: Sendable {
    /// `[chunks, outputs]`.
    let sums: FloatRows
    /// The channels where chunks begin, and the end.
    let bounds: [Int]
    private let blocks: Int

    init(channels: Int, outputs: Int, atMost most: Int) {
        let blocks = (channels + 31) / 32
        let count = min(most, blocks)
        self.blocks = blocks
        let stride = WeightForm.padded(outputs)
        sums = FloatRows(
            SharedBuffer(count: count * stride), count: count, length: outputs, stride: stride)
        bounds = (0..<count).map { 32 * (blocks * $0 / count) } + [channels]
    }

    /// The blocks of 32 channels in a chunk.
    func blocks(_ chunk: Int) -> Range<Int> {
        blocks * chunk / sums.count..<blocks * (chunk + 1) / sums.count
    }

    /// Those of the chunk that the worker takes after `chunk` when all are as fast; `nil` behind the last.
    func likelyNext(_ chunk: Int, _ worker: Worker, isDivided: Bool) -> Range<Int>? {
        let next = isDivided ? chunk + 1 : chunk + worker.count
        let own = isDivided ? worker.share(of: sums.count) : 0..<sums.count
        return own.contains(next) ? blocks(next) : nil
    }
}

/// What a worker computes for itself: repeating a norm is cheaper than waiting for another thread's.
final class WorkerScratch: Sendable {
    /// `[embedding]`, the residual stream, the same for every worker.
    let residual: FloatSlice
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
    /// `[rank]`, what the preview of the head makes of a residual stream.
    let reduced: FloatSlice
    let reducedInput: Activations
    /// What rough rows of the head meet.
    let roughInput: RoughInput
    let tally: SiteTally
    let unpacker = UnitUnpacker()

    init(_ shape: ModelParameters, context: Int) {
        residual = FloatSlice(
            SharedBuffer(count: WeightForm.padded(shape.embedding)), 0..<shape.embedding)
        normed = SharedBuffer(count: WeightForm.padded(shape.embedding))
        input = Activations(length: shape.embedding)
        mixed = Activations(length: shape.heads * shape.headDimension)
        scores = SharedBuffer(count: KernelSet.scoreCount(length: context))
        sparseInput = SparseScratch(length: shape.embedding)
        sparseMixed = SparseScratch(length: shape.heads * shape.headDimension)
        channelMask = KeepMask(count: shape.feedForward)
        reduced = FloatSlice(SharedBuffer(count: shape.previewRank))
        reducedInput = Activations(length: shape.previewRank)
        roughInput = RoughInput(RoughRows(columns: shape.embedding))
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
