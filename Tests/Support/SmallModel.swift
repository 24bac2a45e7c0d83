package import Tensors

/// A complete model of one or two layers in GGUF, with random weights of one type.
package struct SmallModel {
    package var architecture = "llama"
    package var type: ElementType
    package var layers: Int
    package var embedding: Int
    package var feedForward: Int
    package var heads: Int
    package var headDimension: Int
    package let vocabulary: Int
    package var builder = GGUFBuilder()
    private var numbers = SplitMix64(seed: 1)

    package var keyValueHeads: Int { heads / 2 }

    /// Sizes that the type's blocks divide but that are otherwise as awkward as can be.
    ///
    /// - Parameters:
    ///   - embedding: another width than usual, which the type's blocks must divide.
    ///   - feedForward: another number of hidden channels than usual, which they must divide too.
    ///   - vocabulary: tokens.
    ///   - contextLength: tokens it claims to be trained for.
    package init(
        _ type: ElementType, architecture: String = "llama", layers: Int = 1, embedding: Int? = nil,
        feedForward: Int? = nil, vocabulary: Int = 40, contextLength: Int = 128
    ) {
        self.vocabulary = vocabulary
        self.layers = layers
        self.architecture = architecture
        self.type = type
        (self.embedding, self.feedForward, heads, headDimension) =
            switch type.blockElements {
            case 256: (256, 512, 4, 64)
            // Rows of a unit and a half; 96 outputs, padded to 128.
            case 32: (96, 160, 4, 24)
            default: (40, 24, 6, 8)
            }
        if let embedding { self.embedding = embedding }
        if let feedForward { self.feedForward = feedForward }
        addKeys(contextLength: contextLength)
        addTensors()
    }

    private mutating func addKeys(contextLength: Int) {
        let a = architecture
        builder.set("general.architecture", .string(a))
        builder.set("general.name", .string("small"))
        builder.set("general.license", .string("none"))
        builder.set("\(a).block_count", .uint32(UInt32(layers)))
        builder.set("\(a).context_length", .uint32(UInt32(contextLength)))
        builder.set("\(a).embedding_length", .uint32(UInt32(embedding)))
        builder.set("\(a).feed_forward_length", .uint32(UInt32(feedForward)))
        builder.set("\(a).attention.head_count", .uint32(UInt32(heads)))
        builder.set("\(a).attention.head_count_kv", .uint32(UInt32(keyValueHeads)))
        builder.set("\(a).attention.key_length", .uint32(UInt32(headDimension)))
        builder.set("\(a).attention.value_length", .uint32(UInt32(headDimension)))
        builder.set("\(a).attention.layer_norm_rms_epsilon", .float32(1e-5))
        builder.set("tokenizer.ggml.model", .string("gpt2"))
        builder.set("tokenizer.ggml.pre", .string("smollm"))
        builder.set("tokenizer.ggml.tokens", .strings((0..<vocabulary).map { "t\($0)" }))
        builder.set("tokenizer.ggml.token_type", .int32s([Int32](repeating: 1, count: vocabulary)))
        builder.set("tokenizer.ggml.merges", .strings(["t 1"]))
        builder.set("tokenizer.ggml.bos_token_id", .uint32(1))
        builder.set("tokenizer.ggml.eos_token_id", .uint32(2))
        builder.set("tokenizer.ggml.padding_token_id", .uint32(UInt32.max))
        builder.set("tokenizer.ggml.add_bos_token", .bool(true))
        builder.set("tokenizer.chat_template", .string("{{ bos_token }}"))
    }

    private mutating func addTensors() {
        addMatrix("token_embd.weight", vocabulary, embedding)
        addVector("output_norm.weight", embedding)
        for layer in 0..<layers {
            let (p, queries, keys) = ("blk.\(layer).", heads * headDimension, keyValueHeads * headDimension)
            addVector(p + "attn_norm.weight", embedding)
            addVector(p + "ffn_norm.weight", embedding)
            addMatrix(p + "attn_q.weight", queries, embedding)
            addMatrix(p + "attn_k.weight", keys, embedding)
            addMatrix(p + "attn_v.weight", keys, embedding)
            addMatrix(p + "attn_output.weight", embedding, queries)
            addMatrix(p + "ffn_gate.weight", feedForward, embedding)
            addMatrix(p + "ffn_up.weight", feedForward, embedding)
            addMatrix(p + "ffn_down.weight", embedding, feedForward)
            if architecture == "qwen3" {
                addVector(p + "attn_q_norm.weight", headDimension)
                addVector(p + "attn_k_norm.weight", headDimension)
            }
            guard architecture == "qwen2" else { continue }
            for (name, count) in [("attn_q", queries), ("attn_k", keys), ("attn_v", keys)] {
                addVector("\(p)\(name).bias", count)
            }
        }
    }

    package mutating func addVector(_ name: String, _ count: Int) {
        builder.add(name, shape: [count], floats: numbers.floats(count))
    }

    package mutating func addMatrix(_ name: String, _ rows: Int, _ columns: Int, _ type: ElementType? = nil) {
        let type = type ?? self.type
        let bytes = numbers.blocks(type, count: rows * columns / type.blockElements)
        builder.add(name, type, shape: [rows, columns], bytes: bytes)
    }

    /// Changes the value of a key, or adds it; `nil` removes it.
    package mutating func set(_ key: String, _ value: GGUFBuilderValue?) {
        builder.metadata.removeAll { $0.key == key }
        if let value { builder.set(key, value) }
    }

    package mutating func remove(_ tensor: String) { builder.tensors.removeAll { $0.name == tensor } }

    package func write(to path: String) throws { try Support.write(builder.encoded(), to: path) }
}
