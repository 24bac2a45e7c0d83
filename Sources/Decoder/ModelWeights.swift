package import Kernels
package import Machine
internal import Tensors
package import WeightStore

/// The weights of a model as matrices for the kernels. Read-only; the bytes belong to the store.
package struct ModelWeights: Sendable {
    /// `[vocabulary, embedding]`.
    package let embedding: RowMatrix
    /// `[embedding]`.
    package let outputNorm: SharedBuffer<Float>
    /// `[vocabulary, embedding]`; the embedding itself when the model ties them.
    package let output: RowMatrix
    /// Whether the head is the embedding.
    package let isTied: Bool
    package let layers: [Layer]
    /// Reads what is not in memory, where the store was opened with a plan for that.
    package let cache: RecordCache?
    /// Set when rows of the embedding are fetched one by one.
    package let embeddingRecords: CachedTensor?
    /// The same of the head.
    package let outputRecords: CachedTensor?
    /// Says which logits cannot be the largest; `nil` where the store has nothing for it.
    package let headBounds: RoughMatrix?
    /// Foretells the head; `nil` where the store has nothing for it.
    package let preview: HeadPreview?
    /// `[rope.dimension / 2]` divisors of the rotary frequencies; empty when the model has none.
    package let rotaryDivisors: [Float]

    /// One transformer layer. D is the embedding's width, Q and K the widths of queries and of keys.
    ///
    /// A class, since a step holds each layer a few times, and a struct would retain everything in it each time.
    package final class Layer: Sendable {
        package let attentionNorm: SharedBuffer<Float>
        /// `[Q, D]` by input channel.
        package let query: ChannelMatrix
        /// `[K, D]`.
        package let key: RowMatrix
        package let value: RowMatrix
        package let queryBias: SharedBuffer<Float>?
        package let keyBias: SharedBuffer<Float>?
        package let valueBias: SharedBuffer<Float>?
        /// Gains of each head of queries and of keys; `nil` where these are not normalised.
        package let queryNorm: SharedBuffer<Float>?
        package let keyNorm: SharedBuffer<Float>?
        /// `[D, Q]` by input channel.
        package let attentionOutput: ChannelMatrix
        package let attentionOutputBias: SharedBuffer<Float>?
        package let feedForwardNorm: SharedBuffer<Float>
        /// `[F, D]` by input channel.
        package let gate: ChannelMatrix
        /// `[F, D]`, a row in each bundle.
        package let up: RowMatrix
        /// `[D, F]`, a channel in each bundle.
        package let down: ChannelMatrix
        /// Which of these are fetched channel by channel.
        package let cached: Cached

        fileprivate init(_ index: Int, _ read: TensorReader, _ shape: ModelParameters) throws {
            let name = "blk.\(index)"
            let queries = shape.heads * shape.headDimension
            let keys = shape.keyValueHeads * shape.headDimension
            attentionNorm = try read.vector("\(name).attn_norm", shape.embedding)
            query = try read.channels("\(name).attn_q", queries, shape.embedding)
            key = try read.rows("\(name).attn_k", keys, shape.embedding)
            value = try read.rows("\(name).attn_v", keys, shape.embedding)
            queryBias = try read.optionalVector("\(name).attn_q.bias", queries)
            keyBias = try read.optionalVector("\(name).attn_k.bias", keys)
            valueBias = try read.optionalVector("\(name).attn_v.bias", keys)
            queryNorm = try read.optionalVector("\(name).attn_q_norm", shape.headDimension)
            keyNorm = try read.optionalVector("\(name).attn_k_norm", shape.headDimension)
            attentionOutput = try read.channels("\(name).attn_output", shape.embedding, queries)
            attentionOutputBias = try read.optionalVector("\(name).attn_output.bias", shape.embedding)
            feedForwardNorm = try read.vector("\(name).ffn_norm", shape.embedding)
            gate = try read.channels("\(name).ffn_gate", shape.feedForward, shape.embedding)
            (up, down) = try read.bundle("\(name).ffn", shape)
            cached = Cached(
                query: try read.store.tensor("\(name).attn_q").cached,
                attentionOutput: try read.store.tensor("\(name).attn_output").cached,
                gate: try read.store.tensor("\(name).ffn_gate").cached,
                bundles: try read.store.tensor("\(name).ffn").cached)
        }

        /// Tensors of which only some records are in memory; the others are all there.
        package struct Cached: Sendable {
            package let query: CachedTensor?
            package let attentionOutput: CachedTensor?
            package let gate: CachedTensor?
            /// Bundles of `up` and `down`.
            package let bundles: CachedTensor?
        }
    }

    package init(_ store: WeightStore) throws {
        let shape = store.parameters
        let read = TensorReader(store: store)
        embedding = try read.rows("token_embd", shape.vocabulary, shape.embedding)
        outputNorm = try read.vector("output_norm", shape.embedding)
        cache = store.cache
        embeddingRecords = try store.tensor("token_embd").cached
        isTied = !read.has("output")
        output =
            !isTied ? try read.rows("output", shape.vocabulary, shape.embedding) : embedding
        outputRecords = try store.tensor(isTied ? "token_embd" : "output").cached
        headBounds = try read.has(HeadBoundsName.rows) ? read.rough(shape) : nil
        preview = try HeadPreviewName.all.contains(where: read.has) ? HeadPreview(read, shape) : nil
        rotaryDivisors =
            try read.optionalVector("rope_freqs", shape.rope.dimension / 2)
            .map { $0.elements(0..<$0.count) } ?? []
        layers = try (0..<shape.layers).map { try Layer($0, read, shape) }
    }

    /// Weights of all matrices and vectors; the embedding counts once when the head is tied to it.
    package var parameterCount: Int {
        var sum = embedding.rows * embedding.columns + outputNorm.count
        if !isTied { sum += output.rows * output.columns }
        for layer in layers {
            sum += layer.query.outputs * layer.query.channels * 2
            sum += (layer.key.rows + layer.value.rows) * layer.key.columns
            sum += layer.gate.outputs * layer.gate.channels * 3
            sum += layer.attentionNorm.count + layer.feedForwardNorm.count
            let vectors = [
                layer.queryBias, layer.keyBias, layer.valueBias, layer.attentionOutputBias, layer.queryNorm,
                layer.keyNorm,
            ]
            sum += vectors.reduce(0) { $0 + ($1?.count ?? 0) }
        }
        return sum
    }

    /// Bytes of weights that one decoded token reads when nothing is sparse: one row of the embedding, every
    /// layer, the head; without the KV cache.
    package var bytesPerToken: Int {
        func bytes(_ matrix: RowMatrix) -> Int { matrix.rows * matrix.rowBytes }
        func bytes(_ matrix: ChannelMatrix) -> Int {
            matrix.channels * matrix.channelBytes + matrix.planeBytes
        }
        var sum = embedding.rowBytes + bytes(output) + outputNorm.count * 4
        for layer in layers {
            sum += bytes(layer.query) + bytes(layer.key) + bytes(layer.value) + bytes(layer.attentionOutput)
            sum += bytes(layer.gate) + bytes(layer.up) + bytes(layer.down)
            sum += 8 * layer.attentionNorm.count
        }
        return sum
    }
}

/// Foretells a head `W` by a matrix of low rank: `W x ≈ weights · (basis · x) + base`.
///
/// Source: Shim et al. 2017 (SVD-softmax), with the directions chosen by how far hidden states reach along them.
package struct HeadPreview: Sendable {
    /// `[rank, embedding]`.
    let basis: RowMatrix
    /// `[vocabulary, rank]` by input channel: rows so short would take longer to begin than to read.
    let weights: ChannelMatrix
    /// `[vocabulary]`.
    let base: SharedBuffer<Float>

    fileprivate init(_ read: TensorReader, _ shape: ModelParameters) throws {
        basis = try read.rows(HeadPreviewName.basis, shape.previewRank, shape.embedding)
        weights = try read.channels(HeadPreviewName.weights, shape.vocabulary, shape.previewRank)
        base = try read.vector(HeadPreviewName.base, shape.vocabulary)
    }

    /// Bytes that a token reads of it.
    var byteCount: Int {
        basis.rows * basis.rowBytes + weights.channels * weights.channelBytes + weights.planeBytes
            + 4 * base.count
    }
}

/// Reads tensors of a store and holds them against the dimensions that the hyperparameters call for.
private struct TensorReader {
    let store: WeightStore

    func has(_ name: String) -> Bool { store.tensors[name] != nil }

    func vector(_ name: String, _ count: Int) throws -> SharedBuffer<Float> {
        let tensor = try store.tensor(name)
        guard case .vector(count) = tensor.layout, tensor.codes.byteCount >= count * 4 else {
            throw mismatch(tensor, "a vector of \(count)")
        }
        let values = SharedBuffer<Float>(count: count)
        tensor.codes.withBytes(0..<count * 4) { bytes in values.copy(littleEndian: bytes) }
        return values
    }

    func optionalVector(_ name: String, _ count: Int) throws -> SharedBuffer<Float>? {
        has(name) ? try vector(name, count) : nil
    }

    func rows(_ name: String, _ rows: Int, _ columns: Int) throws -> RowMatrix {
        let tensor = try store.tensor(name)
        guard case .rows(let form, rows, columns) = tensor.layout else {
            throw mismatch(tensor, "rows [\(rows), \(columns)]")
        }
        return RowMatrix(
            form: form, rows: rows, columns: columns, region: tensor.codes, places: tensor.places)
    }

    func channels(_ name: String, _ outputs: Int, _ channels: Int) throws -> ChannelMatrix {
        let tensor = try store.tensor(name)
        guard case .channels(let form, outputs, channels) = tensor.layout else {
            throw mismatch(tensor, "channels [\(outputs), \(channels)]")
        }
        if let panels = tensor.panels { return ChannelMatrix(panels, region: tensor.codes) }
        return ChannelMatrix(
            form: form, outputs: outputs, channels: channels, codes: tensor.codes, planes: tensor.planes,
            places: tensor.places)
    }

    func bundle(_ name: String, _ shape: ModelParameters) throws -> (up: RowMatrix, down: ChannelMatrix) {
        let tensor = try store.tensor(name)
        guard
            case .bundle(let up, let down, shape.embedding, shape.feedForward, shape.embedding) = tensor
                .layout
        else {
            throw mismatch(tensor, "\(shape.feedForward) bundles of \(shape.embedding) inputs and outputs")
        }
        let rowStride = up.rowStride(columns: shape.embedding)
        let stride = rowStride + down.channelStride(outputs: shape.embedding)
        return (
            RowMatrix(
                form: up, rows: shape.feedForward, columns: shape.embedding, region: tensor.codes,
                stride: stride, places: tensor.places),
            ChannelMatrix(
                form: down, outputs: shape.embedding, channels: shape.feedForward, codes: tensor.codes,
                planes: tensor.planes, offset: rowStride, stride: stride, places: tensor.places)
        )
    }

    func rough(_ shape: ModelParameters) throws -> RoughMatrix {
        let (tensor, factors) = (
            try store.tensor(HeadBoundsName.rows), try store.tensor(HeadBoundsName.factors)
        )
        guard case .rough(shape.vocabulary, shape.embedding) = tensor.layout else {
            throw mismatch(tensor, "rough rows [\(shape.vocabulary), \(shape.embedding)]")
        }
        let values = try vector(HeadBoundsName.factors, shape.embedding)
        let layout = RoughRows(columns: shape.embedding)
        guard
            let matrix = RoughMatrix(
                rows: shape.vocabulary, layout: layout, region: tensor.codes,
                factors: values.elements(0..<values.count))
        else {
            throw DecoderError.unexpectedLayout(
                path: store.path, tensor: factors.name, found: "other numbers",
                expected: "\(layout.columns) factors, \(layout.fine) of them negative")
        }
        return matrix
    }

    private func mismatch(_ tensor: StoredTensor, _ expected: String) -> DecoderError {
        .unexpectedLayout(
            path: store.path, tensor: tensor.name, found: "\(tensor.layout)", expected: expected)
    }
}
