/// Turns text into token ids and back, as the model's authors did when they trained it.
///
/// A value of one reference: cheap to copy, never changes, usable from any thread.
/// Checked against llama.cpp, whose reading of the metadata it follows.
package struct Tokenizer: Sendable {
    private enum Family: Sendable {
        case byteLevel(ByteLevelBPE)
        case sentencePiece(SentencePieceBPE)
    }
    private final class Storage: Sendable {
        let family: Family
        let vocabulary: CheckedVocabulary
        let pieces: Pieces
        /// Found in any text: user-defined tokens. On demand also control and unknown ones; a token that
        /// is of both sorts is one of these, lest a stranger's text could end a turn.
        let userTokens: SpecialTokens
        let allTokens: SpecialTokens

        init(family: Family, vocabulary: CheckedVocabulary, pieces: Pieces) {
            self.family = family
            self.vocabulary = vocabulary
            self.pieces = pieces
            let kinds = vocabulary.kinds.kinds
            let special = kinds.indices.filter { !kinds[$0].isDisjoint(with: .special) }
            let user = kinds.indices.filter {
                kinds[$0].contains(.userDefined) && kinds[$0].isDisjoint(with: .special)
            }
            userTokens = SpecialTokens(user.map(TokenID.init), vocabulary.table)
            allTokens = SpecialTokens((user + special).map(TokenID.init), vocabulary.table)
        }
    }
    private let storage: Storage

    /// How many tokens there are; ids run from 0 to one less.
    package var count: Int { storage.vocabulary.table.count }
    package var bos: TokenID? { storage.vocabulary.bos }
    package var eos: TokenID? { storage.vocabulary.eos }
    /// What ends a turn; where the model names none, the first of the well-known ones it has.
    package var eot: TokenID? { storage.vocabulary.kinds.eot }
    package var unknown: TokenID? { storage.vocabulary.unknown }
    package var padding: TokenID? { storage.vocabulary.padding }
    /// Whether `encode` with special tokens puts `bos` in front.
    package var addsBOS: Bool { storage.vocabulary.addsBOS }
    /// Whether `encode` with special tokens puts `eos` at the end.
    package var addsEOS: Bool { storage.vocabulary.addsEOS }
    /// The tokens after which a reply is over: `eos`, `eot` and the well-known texts such as `<|im_end|>`.
    package var endOfGeneration: Set<TokenID> { storage.vocabulary.kinds.endOfGeneration }

    /// Builds the tables.
    ///
    /// - Throws: when the family or the word rule is not known, lists disagree in length, or an id lies
    ///   outside the vocabulary.
    /// - Cost: about 0.5 us per token and merge.
    package init(_ vocabulary: Vocabulary) throws(TokenizerError) {
        let checked = try CheckedVocabulary(vocabulary)
        let family: Family =
            switch checked.family {
            case .byteLevel(let rule):
                .byteLevel(
                    ByteLevelBPE(
                        table: checked.table, merges: vocabulary.merges, preTokenizer: rule))
            case .sentencePiece:
                .sentencePiece(
                    SentencePieceBPE(
                        table: checked.table, scores: vocabulary.scores, unknown: checked.unknown))
            }
        storage = Storage(
            family: family, vocabulary: checked,
            pieces: Pieces(checked.table, kinds: checked.kinds.kinds, byteLevel: checked.isByteLevel))
    }

    /// The tokens of a text.
    ///
    /// - Parameters:
    ///   - addSpecial: put `bos` in front and `eos` at the end, where the model wants them.
    ///   - parseSpecial: read the texts of control tokens as those tokens. Not for text from strangers,
    ///     who could end their turn and begin another. User-defined tokens are always read.
    /// - Cost: O(n log n) at worst, whatever the text.
    package func encode(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [TokenID] {
        let text = Array(text.utf8)
        var tokens: [TokenID] = []
        tokens.reserveCapacity(text.count / 3 + 2)
        if addSpecial, addsBOS, let bos { tokens.append(bos) }
        let special = parseSpecial ? storage.allTokens : storage.userTokens
        var start = 0
        while let found = special.first(in: text, start..<text.count) {
            encode(text, start..<found.range.lowerBound, into: &tokens)
            tokens.append(found.token)
            start = found.range.upperBound
        }
        encode(text, start..<text.count, into: &tokens)
        if addSpecial, addsEOS, let eos { tokens.append(eos) }
        return tokens
    }

    /// Encodes text between two special tokens, of which every stretch begins anew.
    private func encode(_ text: [UInt8], _ range: Range<Int>, into tokens: inout [TokenID]) {
        var start = range.lowerBound
        while start < range.upperBound {
            // Symbols are counted in 32 bits: what is longer than that is cut, between characters.
            var end = min(start + Self.longestStretch, range.upperBound)
            while end < range.upperBound, end > start + 1, text[end] & 0xC0 == 0x80 { end -= 1 }
            switch storage.family {
            case .byteLevel(let model):
                model.encode(text, start..<end, into: &tokens)
            case .sentencePiece(let model):
                let spaced = storage.vocabulary.addsSpacePrefix && start == range.lowerBound
                model.encode(text, start..<end, withSpaceBefore: spaced, into: &tokens)
            }
            start = end
        }
    }

    private static let longestStretch = 1 << 29

    /// The bytes a token stands for, not always whole characters.
    ///
    /// Empty for an id that is no token, and for control and unknown tokens unless `showSpecial`.
    package func bytes(of token: TokenID, showSpecial: Bool) -> [UInt8] {
        Array(piece(of: token, showSpecial: showSpecial))
    }

    /// `bytes(of:showSpecial:)` where they lie.
    package func piece(of token: TokenID, showSpecial: Bool) -> ArraySlice<UInt8> {
        let kinds = storage.vocabulary.kinds.kinds
        guard token >= 0, Int(token) < kinds.count else { return [] }
        guard showSpecial || kinds[Int(token)].isDisjoint(with: .special) else { return [] }
        return storage.pieces[token]
    }

    /// The text of tokens, joined without additions or removals; bytes that are no character become U+FFFD.
    package func decode(_ tokens: [TokenID], showSpecial: Bool) -> String {
        String(decoding: tokens.flatMap { bytes(of: $0, showSpecial: showSpecial) }, as: UTF8.self)
    }
}
