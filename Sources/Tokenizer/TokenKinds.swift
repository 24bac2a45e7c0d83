/// What a token is besides its text.
struct TokenKind: OptionSet, Sendable {
    var rawValue: UInt8

    static let normal = TokenKind(rawValue: 1)
    static let unknown = TokenKind(rawValue: 2)
    static let control = TokenKind(rawValue: 4)
    static let userDefined = TokenKind(rawValue: 8)
    static let byte = TokenKind(rawValue: 16)

    /// Shown only where special tokens are.
    static let special: TokenKind = [.unknown, .control]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Reads `tokenizer.ggml.token_type`; unused and unheard-of types are none of the kinds.
    init(type: Int32) {
        switch type {
        case 1: self = .normal
        case 2: self = .unknown
        case 3: self = .control
        case 4: self = .userDefined
        case 6: self = .byte
        default: self = []
        }
    }
}

/// The kinds of all tokens and the tokens that end a generation, as far as they can be told from
/// well-known texts: model files are often silent or wrong about both.
///
/// Source: llama.cpp, `llama_vocab::impl::load`, whose lists and exceptions these are.
struct TokenKinds: Sendable {
    private(set) var kinds: [TokenKind]
    private(set) var endOfGeneration: Set<TokenID> = []
    private(set) var eot: TokenID?

    /// `types` is empty or as long as the table.
    init(_ table: TokenTable, types: [Int32], eos: TokenID?, eot: TokenID?) {
        kinds =
            types.isEmpty
            ? [TokenKind](repeating: .normal, count: table.count) : types.map(TokenKind.init(type:))
        self.eot = eot ?? Self.endOfTurn.lazy.compactMap(table.id(of:)).first
        let middle = Self.fillInTheMiddle.map { names in names.lazy.compactMap(table.id(of:)).first }
        let known = Self.ends.compactMap(table.id(of:))
        let ending = middle.compactMap { $0 } + known
        let silent = Self.silent.compactMap { names in names.lazy.compactMap(table.id(of:)).first }
        for id in ending + silent + [eot == nil ? self.eot : nil].compactMap({ $0 }) {
            kinds[Int(id)].insert(.control)
        }
        endOfGeneration = Set(ending + [eos, self.eot].compactMap { $0 })
        for id in Self.shown.compactMap(table.id(of:)) { kinds[Int(id)] = .userDefined }
        excuse(table)
    }

    /// Takes back what a text alone got wrong: `<|end|>` ends only a message where `<|return|>` and
    /// `<|call|>` (or `<|calls|>` and `<|flush|>`) exist, `</s>` is ordinary beside `<|tool_response>`.
    private mutating func excuse(_ table: TokenTable) {
        func has(_ text: String) -> Bool {
            table.id(of: text).map(endOfGeneration.contains) ?? false
        }
        let call = has("<|call|>") || has("<|calls|>")
        if let end = table.id(of: "<|end|>"), has("<|end|>"), call, has("<|return|>") || has("<|flush|>") {
            endOfGeneration.remove(end)
            kinds[Int(end)] = .userDefined
        }
        if let end = table.id(of: "</s>"), has("</s>"), has("<|tool_response>") || has("<|plamo:eos|>") {
            endOfGeneration.remove(end)
            kinds[Int(end)] = .normal
        }
    }

    private static let endOfTurn = [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<EOT>",
        "_<EOT>", "[EOT]", "<｜end▁of▁sentence｜>", "<end_of_utterance>",
    ]
    private static let ends =
        endOfTurn + [
            "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "</s>", "<|eom_id|>", "[EOS]", "<eos>",
            "<turn|>", "<|tool_response>", "[e~[",
        ]
    /// Padding, repository and file of fill-in-the-middle models; of each the first that exists ends.
    private static let fillInTheMiddle = [
        ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
        ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
        ["<|file_sep|>"],
    ]
    /// The other three of those models: control tokens, but no ends.
    private static let silent = [
        [
            "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
            "<|code_prefix|>", "<|prefix|>",
        ],
        [
            "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>",
            "<|code_suffix|>", "<|suffix|>",
        ],
        [
            "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>",
            "<|code_middle|>", "<|middle|>",
        ],
    ]
    /// Parts of a reply that its reader must see.
    private static let shown = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"]
}
