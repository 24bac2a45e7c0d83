/// The hyperparameters of a model: what the decoder needs to know besides the weights.
///
/// Plain values, written as JSON into the store; the names are ours, each taken from the GGUF key in the comment.
package struct ModelParameters: Sendable, Equatable, Codable {
    /// `general.architecture`.
    package var architecture: String
    /// `general.name`, or the file's name.
    package var name: String
    /// `ARCH.block_count`.
    package var layers: Int
    /// `ARCH.embedding_length`.
    package var embedding: Int
    /// `ARCH.feed_forward_length`.
    package var feedForward: Int
    /// `ARCH.attention.head_count`.
    package var heads: Int
    /// `ARCH.attention.head_count_kv`; divides `heads`.
    package var keyValueHeads: Int
    /// `ARCH.attention.key_length`, else `embedding / heads`. A multiple of 8.
    package var headDimension: Int
    /// Rows of the embedding.
    package var vocabulary: Int
    /// `ARCH.context_length`: what the model was trained for.
    package var contextLength: Int
    /// `ARCH.attention.layer_norm_rms_epsilon`.
    package var rmsEpsilon: Float
    package var activation: Activation
    package var rope: RotaryParameters
    /// Whether each head of queries and keys is normalised before it is turned (`attn_q_norm`, `attn_k_norm`); `nil`, as
    /// families without have it in the store, is no.
    package var headNorms: Bool?
    /// The last of every so many layers leaves queries and keys unturned; `nil` turns those of all layers.
    package var unturnedEach: Int?

    package enum Activation: String, Sendable, Codable { case silu, geluTanh }

    package init(
        architecture: String, name: String, layers: Int, embedding: Int, feedForward: Int, heads: Int,
        keyValueHeads: Int, headDimension: Int, vocabulary: Int, contextLength: Int, rmsEpsilon: Float,
        activation: Activation, rope: RotaryParameters, headNorms: Bool? = nil, unturnedEach: Int? = nil
    ) {
        self.architecture = architecture
        self.name = name
        self.layers = layers
        self.embedding = embedding
        self.feedForward = feedForward
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
        self.vocabulary = vocabulary
        self.contextLength = contextLength
        self.rmsEpsilon = rmsEpsilon
        self.activation = activation
        self.rope = rope
        self.headNorms = headNorms
        self.unturnedEach = unturnedEach
    }

    /// Whether queries and keys of `layer` are turned by their positions.
    package func turns(layer: Int) -> Bool { unturnedEach.map { (layer + 1) % $0 != 0 } ?? true }
}

/// Rotary position embedding.
package struct RotaryParameters: Sendable, Equatable, Codable {
    /// `ARCH.rope.dimension_count`, else the head dimension: how many elements of a head turn.
    package var dimension: Int
    /// `ARCH.rope.freq_base`.
    package var base: Float
    package var style: Style
    package var scaling: Scaling

    /// Which elements form a pair.
    package enum Style: String, Sendable, Codable {
        /// `(2i, 2i + 1)`, as the llama family's GGUF files are permuted.
        case interleaved
        /// `(i, i + dimension / 2)`, as in NeoX and qwen2.
        case halves
    }

    /// How positions are stretched beyond the trained context. The llama-3 rule needs no case: its GGUF files
    /// hold the divisors of the frequencies as the tensor `rope_freqs`.
    package enum Scaling: Sendable, Equatable, Codable {
        case none
        /// Positions are divided by `factor`.
        case linear(factor: Float)
        /// Peng et al. 2023, "YaRN"; the names are the paper's and llama.cpp's.
        case yarn(
            factor: Float, originalContext: Int, extrapolation: Float, attention: Float, betaFast: Float,
            betaSlow: Float)
    }

    package init(dimension: Int, base: Float, style: Style, scaling: Scaling) {
        self.dimension = dimension
        self.base = base
        self.style = style
        self.scaling = scaling
    }
}
