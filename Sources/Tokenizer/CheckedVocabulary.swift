/// A vocabulary whose lists and ids are known to fit together, with the defaults filled in.
struct CheckedVocabulary: Sendable {
    enum Family: Sendable {
        case byteLevel(PreTokenizer)
        case sentencePiece
    }
    let family: Family
    let table: TokenTable
    let kinds: TokenKinds
    let bos: TokenID?
    let eos: TokenID?
    let unknown: TokenID?
    let padding: TokenID?
    let addsBOS: Bool
    let addsEOS: Bool
    let addsSpacePrefix: Bool

    var isByteLevel: Bool {
        if case .byteLevel = family { true } else { false }
    }

    init(_ vocabulary: Vocabulary) throws(TokenizerError) {
        family = try Self.family(vocabulary)
        try Self.checkCounts(vocabulary)
        let count = vocabulary.tokens.count
        func checked(
            _ id: TokenID?, _ field: String, else implied: TokenID?
        ) throws(TokenizerError) -> TokenID? {
            guard let id else { return implied.flatMap { Int($0) < count ? $0 : nil } }
            guard id >= 0 else { return nil }
            guard Int(id) < count else {
                throw .tokenOutOfRange(field: "tokenizer.ggml.\(field)", id: id, tokens: count)
            }
            return id
        }
        let implied = Self.implied(family)
        bos = try checked(vocabulary.bos, "bos_token_id", else: implied.bos)
        eos = try checked(vocabulary.eos, "eos_token_id", else: implied.eos)
        unknown = try checked(vocabulary.unknown, "unknown_token_id", else: implied.unknown)
        padding = try checked(vocabulary.padding, "padding_token_id", else: nil)
        let eot = try checked(vocabulary.eot, "eot_token_id", else: nil)
        table = TokenTable(vocabulary.tokens)
        kinds = TokenKinds(table, types: vocabulary.types, eos: eos, eot: eot)
        addsBOS = vocabulary.addBOS ?? implied.addsBOS
        addsEOS = vocabulary.addEOS ?? false
        addsSpacePrefix = vocabulary.addSpacePrefix ?? true
    }

    private static func family(_ vocabulary: Vocabulary) throws(TokenizerError) -> Family {
        switch vocabulary.model {
        case "gpt2":
            guard let rule = PreTokenizer(named: vocabulary.preTokenizer) else {
                throw .unsupportedPreTokenizer(
                    name: vocabulary.preTokenizer, supported: PreTokenizer.names)
            }
            return .byteLevel(rule)
        case "llama": return .sentencePiece
        default: throw .unsupportedModel(name: vocabulary.model, supported: ["gpt2", "llama"])
        }
    }

    private static func checkCounts(_ vocabulary: Vocabulary) throws(TokenizerError) {
        let count = vocabulary.tokens.count
        guard count > 0 else { throw .missing(field: "tokenizer.ggml.tokens") }
        if vocabulary.model == "gpt2", vocabulary.merges.isEmpty {
            throw .missing(field: "tokenizer.ggml.merges")
        }
        // A merge can add three texts that are no tokens.
        let (entries, limit) = (count + 256 + 3 * vocabulary.merges.count, Int(TokenID.max) - 1)
        guard entries <= limit else { throw .tooManyEntries(found: entries, limit: limit) }
        for (field, found) in [("scores", vocabulary.scores.count), ("token_type", vocabulary.types.count)]
        where found != 0 && found != count {
            throw .countsDisagree(field: "tokenizer.ggml.\(field)", found: found, tokens: count)
        }
    }

    /// What llama.cpp takes for granted where the file is silent.
    private static func implied(
        _ family: Family
    ) -> (bos: TokenID?, eos: TokenID?, unknown: TokenID?, addsBOS: Bool) {
        switch family {
        case .byteLevel(let rule): (rule.impliesBOS ? 11 : nil, 11, nil, rule.addsBOS)
        case .sentencePiece: (1, 2, 0, true)
        }
    }
}
