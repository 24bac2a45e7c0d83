internal import Machine
internal import Tensors
internal import WeightStore

/// What a pass through the layers must remember of the tokens of several batches.
///
/// Where weights are read from storage, they are read for every pass, so a long prompt takes several batches through a
/// layer before the next: the parts of the pass. It lives as long as the pass.
struct PassScratch: Sendable {
    /// Parts of a pass.
    static let partsAtMost = 8
    /// How many a pass may have where there is room, the most first.
    static let partChoices = [partsAtMost, 4, 2]

    /// `[tokens, embedding]`, the residual streams.
    let residual: BatchScratch.Rows
    /// What attention found.
    let mixed: BatchScratch.Rows
    /// The gate, where it may have been read from storage; without rows where it is in memory.
    let gate: BatchScratch.Rows?
    let angles: BatchScratch.Angles

    /// - Parameters:
    ///   - tokens: of the pass.
    ///   - isGateRead: whether some gate is not in memory as a whole.
    init(_ shape: ModelParameters, tokens: Int, isGateRead: Bool) {
        residual = BatchScratch.Rows(tokens, shape.embedding)
        mixed = BatchScratch.Rows(tokens, shape.heads * shape.headDimension)
        gate = isGateRead ? BatchScratch.Rows(tokens, shape.feedForward) : nil
        angles = BatchScratch.Angles(tokens, shape)
    }

    /// What it takes, in bytes.
    static func byteCount(_ shape: ModelParameters, tokens: Int, isGateRead: Bool) -> Int {
        let widths = [
            shape.embedding, shape.heads * shape.headDimension, isGateRead ? shape.feedForward : 0,
            shape.rope.dimension,
        ]
        return widths.reduce(0) { $0 + tokens * WeightForm.padded($1) * MemoryLayout<Float>.stride }
    }
}
