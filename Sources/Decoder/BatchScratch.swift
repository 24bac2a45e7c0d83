internal import Kernels
internal import Machine
internal import Tensors
internal import WeightStore

/// Memory of one batch of tokens, allocated once; large parts cost memory only once they are touched.
struct BatchScratch: Sendable {
    let capacity: Int
    /// `[capacity, embedding]`, the residual streams.
    let residual: Rows
    let queries: Rows
    let keys: Rows
    let values: Rows
    let up: Rows
    /// As wide as any output of a row-major matrix in a layer.
    let spare: Rows
    let angles: Angles
    /// The normalised residual streams.
    let input: BatchInput
    /// The same with channels left out, for one or two sparse matrices.
    let dropped: [BatchInput]
    /// What attention found.
    let mixed: BatchInput
    /// The gate, activated, then its product with `up`.
    let hidden: BatchInput
    /// `[headRows, vocabulary]`, for the logits of several tokens; two sets, to compare them.
    let logits: [Rows]
    let spareLogits: Rows
    /// One counter for attention per layer and part of a pass.
    let claims: ClaimCounters
    /// Set by worker 0 before a barrier, read by all after it.
    let isStopped: SharedBuffer<UInt8>

    /// Tokens whose logits are computed together.
    let headRows: Int

    /// What makes the head fast, and what does where memory is short.
    static let headRowsAtMost = 32
    static let headRowsWithin = 4

    init(_ shape: ModelParameters, capacity: Int, headRows: Int) {
        self.capacity = capacity
        self.headRows = headRows
        let queryWidth = shape.heads * shape.headDimension
        let keyWidth = shape.keyValueHeads * shape.headDimension
        residual = Rows(capacity, shape.embedding)
        queries = Rows(capacity, queryWidth)
        keys = Rows(capacity, keyWidth)
        values = Rows(capacity, keyWidth)
        up = Rows(capacity, shape.feedForward)
        spare = Rows(capacity, max(keyWidth, shape.feedForward))
        angles = Angles(capacity, shape)
        input = BatchInput(length: shape.embedding, capacity: capacity)
        dropped = (0..<2).map { _ in BatchInput(length: shape.embedding, capacity: capacity) }
        mixed = BatchInput(length: queryWidth, capacity: capacity)
        hidden = BatchInput(length: shape.feedForward, capacity: capacity)
        logits = (0..<2).map { _ in Rows(headRows, shape.vocabulary) }
        spareLogits = Rows(headRows, shape.vocabulary)
        claims = ClaimCounters(count: shape.layers * PassScratch.partsAtMost)
        isStopped = SharedBuffer(count: 1)
    }

    /// Bytes that only activations of 16 bits and comparing logits touch, which decoding does not.
    var wideBytes: Int {
        ([input, mixed, hidden] + dropped).reduce(0) { $0 + $1.wideBytes } + spare.byteCount
            + logits[1].byteCount + spareLogits.byteCount
    }

    /// `[capacity, length]`, rows padded to whole units.
    struct Rows: Sendable {
        let buffer: SharedBuffer<Float>
        let length: Int
        let stride: Int

        init(_ capacity: Int, _ length: Int) {
            self.length = length
            stride = WeightForm.padded(length)
            buffer = SharedBuffer(count: capacity * stride)
        }

        var byteCount: Int { buffer.count * MemoryLayout<Float>.stride }

        /// The first `count` rows, their first `length` columns where that is less.
        func first(_ count: Int, length: Int? = nil) -> FloatRows {
            FloatRows(buffer, count: count, length: length ?? self.length, stride: stride)
        }

        func rows(_ range: Range<Int>) -> FloatRows {
            let slice = FloatSlice(buffer, range.lowerBound * stride..<range.upperBound * stride)
            return FloatRows(slice, count: range.count, length: length, stride: stride)
        }
    }

    /// What heads are turned by, `[capacity, rope.dimension / 2]` each.
    struct Angles: Sendable {
        let cosines: SharedBuffer<Float>
        let sines: SharedBuffer<Float>

        init(_ capacity: Int, _ shape: ModelParameters) {
            cosines = SharedBuffer(count: capacity * shape.rope.dimension / 2)
            sines = SharedBuffer(count: capacity * shape.rope.dimension / 2)
        }
    }
}
