internal import CKernels
package import Machine

/// The keys and values of one layer and one key/value head within the cache.
package struct CacheSlice: Sendable {
    package let keys: SharedBuffer<UInt16>
    package let values: SharedBuffer<UInt16>
    /// Element of position 0 in both buffers.
    package let start: Int
    /// Elements from one position to the next.
    package let stride: Int

    package init(keys: SharedBuffer<UInt16>, values: SharedBuffer<UInt16>, start: Int, stride: Int) {
        self.keys = keys
        self.values = values
        self.start = start
        self.stride = stride
    }
}

/// Queries of consecutive tokens that share one key/value head.
package struct QueryBlock: Sendable {
    /// Where the first token's first query head begins, in both the queries and the results.
    package var start: Int
    /// Elements from one token to the next.
    package var stride: Int
    package var tokens: Int
    /// Query heads per token that share the key/value head.
    package var group: Int
    package var headDimension: Int
    /// Cache positions the first token sees, itself included; each later token sees one more.
    package var firstLength: Int

    package init(start: Int, stride: Int, tokens: Int, group: Int, headDimension: Int, firstLength: Int) {
        self.start = start
        self.stride = stride
        self.tokens = tokens
        self.group = group
        self.headDimension = headDimension
        self.firstLength = firstLength
    }
}

extension KernelSet {
    /// Floats of score scratch that `attend` needs for contexts of `length` positions.
    package static func scoreCount(length: Int) -> Int { 8 * (length + 63) / 64 * 64 + 512 }

    /// `out = softmax(scale · q Kᵀ) V`, causal, for a block of queries.
    package func attend(
        _ block: QueryBlock, queries: SharedBuffer<Float>, cache: CacheSlice, scale: Float,
        into out: SharedBuffer<Float>, scores: SharedBuffer<Float>
    ) {
        guard block.tokens > 0 else { return }
        let last = block.start + (block.tokens - 1) * block.stride + block.group * block.headDimension
        let length = block.firstLength + block.tokens - 1
        let lastKey = cache.start + (length - 1) * cache.stride + block.headDimension
        precondition(block.start >= 0 && last <= queries.count && last <= out.count, "\(last)")
        precondition(
            block.firstLength >= 1 && lastKey <= min(cache.keys.count, cache.values.count), "\(lastKey)")
        precondition(scores.count >= Self.scoreCount(length: length), "\(scores.count) scores for \(length)")
        var job = unsafe ck_attention(
            out: out.address(of: block.start), q: queries.address(of: block.start), q_stride: block.stride,
            queries: block.tokens * block.group, group: block.group, head_dim: block.headDimension,
            k: cache.keys.address(of: cache.start), v: cache.values.address(of: cache.start),
            kv_stride: cache.stride, first_length: block.firstLength, scale: scale,
            scores: scores.address())
        unsafe table.pointee.attend(&job)
    }
}
