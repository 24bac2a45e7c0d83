internal import CKernels
package import Machine

/// How the elements of a key or a value lie in the cache.
package enum CacheFormat: String, Sendable, CaseIterable {
    case half = "f16"
    /// 8-bit codes, and an f16 scale for each 32 of them.
    case byte = "q8"

    var bits: Int32 {
        switch self {
        case .half: Int32(CK_CACHE_HALF)
        case .byte: Int32(CK_CACHE_BYTE)
        }
    }

    /// Bytes of a key or a value of `headDimension` elements.
    package func rowBytes(headDimension: Int) -> Int { ck_cache_row_bytes(bits, headDimension) }
}

/// The keys and values of one layer and one key/value head within the cache.
package struct CacheSlice: Sendable {
    package let keys: SharedBuffer<UInt8>
    package let values: SharedBuffer<UInt8>
    package let format: CacheFormat
    /// Byte of position 0 in both buffers.
    package let start: Int
    /// Bytes from one position to the next.
    package let stride: Int

    package init(
        keys: SharedBuffer<UInt8>, values: SharedBuffer<UInt8>, format: CacheFormat, start: Int, stride: Int
    ) {
        self.keys = keys
        self.values = values
        self.format = format
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

    /// Writes a key or a value as one row of the cache, from byte `start` of `rows`.
    package func store(
        _ vector: FloatSlice, as format: CacheFormat, into rows: SharedBuffer<UInt8>, at start: Int
    ) {
        let end = start + format.rowBytes(headDimension: vector.count)
        precondition(start >= 0 && end <= rows.count, "\(end) of \(rows.count)")
        unsafe ck_cache_store(table, rows.address(of: start), vector.base, vector.count, format.bits)
    }

    /// `out = softmax(scale · q Kᵀ) V`, causal, for a block of queries.
    package func attend(
        _ block: QueryBlock, queries: SharedBuffer<Float>, cache: CacheSlice, scale: Float,
        into out: SharedBuffer<Float>, scores: SharedBuffer<Float>
    ) {
        guard block.tokens > 0 else { return }
        let last = block.start + (block.tokens - 1) * block.stride + block.group * block.headDimension
        let length = block.firstLength + block.tokens - 1
        let rowBytes = cache.format.rowBytes(headDimension: block.headDimension)
        let lastKey = cache.start + (length - 1) * cache.stride + rowBytes
        precondition(block.start >= 0 && last <= queries.count && last <= out.count, "\(last)")
        precondition(
            block.firstLength >= 1 && lastKey <= min(cache.keys.count, cache.values.count), "\(lastKey)")
        precondition(scores.count >= Self.scoreCount(length: length), "\(scores.count) scores for \(length)")
        var job = unsafe ck_attention(
            out: out.address(of: block.start), q: queries.address(of: block.start), q_stride: block.stride,
            queries: block.tokens * block.group, group: block.group, head_dim: block.headDimension,
            k: cache.keys.address(of: cache.start), v: cache.values.address(of: cache.start),
            kv_stride: cache.stride, kv_bits: cache.format.bits, first_length: block.firstLength,
            scale: scale,
            scores: scores.address())
        unsafe table.pointee.attend(&job)
    }
}
