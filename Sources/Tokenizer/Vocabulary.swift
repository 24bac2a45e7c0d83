/// The number of a token: its row in the embedding table.
package typealias TokenID = Int32

/// Everything a tokenizer is made of, as plain values: what `tokenizer.ggml.*` of a GGUF holds.
///
/// Nothing is checked here; `Tokenizer.init` does that.
package struct Vocabulary: Sendable, Equatable, Codable {
    /// `tokenizer.ggml.model`: "gpt2" (byte-level BPE) or "llama" (SentencePiece BPE).
    package var model: String
    /// `tokenizer.ggml.pre`, the rule that cuts text into words; "" when the file has none.
    package var preTokenizer: String
    /// Token texts in the order of their ids, byte for byte as stored: for "gpt2" in the alphabet of
    /// `ByteAlphabet`, for "llama" with U+2581 for a space.
    package var tokens: [[UInt8]]
    /// One score per token, greater merges first ("llama" only); may be empty.
    package var scores: [Float]
    /// One type per token (1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte); may be empty:
    /// all are normal then.
    package var types: [Int32]
    /// `left right`, the most urgent pair first ("gpt2" only).
    package var merges: [[UInt8]]
    package var bos: TokenID?
    package var eos: TokenID?
    /// `tokenizer.ggml.eot_token_id`: ends a turn, where `eos` may end the whole text.
    package var eot: TokenID?
    package var unknown: TokenID?
    package var padding: TokenID?
    /// Whether encoding with special tokens starts with `bos`; nil: what the model and the rule imply.
    package var addBOS: Bool?
    /// Whether encoding with special tokens ends with `eos`; nil: no.
    package var addEOS: Bool?
    /// Whether text gets a space in front ("llama" only); nil: yes.
    package var addSpacePrefix: Bool?

    package init(
        model: String, preTokenizer: String = "", tokens: [[UInt8]], scores: [Float] = [],
        types: [Int32] = [], merges: [[UInt8]] = [], bos: TokenID? = nil, eos: TokenID? = nil,
        eot: TokenID? = nil, unknown: TokenID? = nil, padding: TokenID? = nil, addBOS: Bool? = nil,
        addEOS: Bool? = nil, addSpacePrefix: Bool? = nil
    ) {
        self.model = model
        self.preTokenizer = preTokenizer
        self.tokens = tokens
        self.scores = scores
        self.types = types
        self.merges = merges
        self.bos = bos
        self.eos = eos
        self.eot = eot
        self.unknown = unknown
        self.padding = padding
        self.addBOS = addBOS
        self.addEOS = addEOS
        self.addSpacePrefix = addSpacePrefix
    }
}
