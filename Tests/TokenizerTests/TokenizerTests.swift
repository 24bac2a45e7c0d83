import Testing

@testable import Tokenizer

@Suite struct TokenizerTests {
    private let vocabulary = SmallVocabularies.byteLevel

    @Test func controlTokensAreReadOnDemandOnly() throws {
        let tokenizer = try Tokenizer(vocabulary)
        #expect(tokenizer.encode("a<|im_end|>b", addSpecial: false, parseSpecial: true) == [0, 8, 1])
        #expect(!tokenizer.encode("a<|im_end|>b", addSpecial: false, parseSpecial: false).contains(8))
        #expect(tokenizer.encode("a<user>b", addSpecial: false, parseSpecial: false) == [0, 9, 1])
    }

    /// A user-defined token with the text of an end of turn counts as control: strangers cannot write it.
    @Test func endOfTurnIsNeverReadFromPlainText() throws {
        var other = vocabulary
        other.types[8] = 4
        let tokenizer = try Tokenizer(other)
        #expect(!tokenizer.encode("<|im_end|>", addSpecial: false, parseSpecial: false).contains(8))
        #expect(tokenizer.encode("<|im_end|>", addSpecial: false, parseSpecial: true) == [8])
    }

    @Test func longestSpecialTokenWins() throws {
        let table = TokenTable(SmallVocabularies.bytes(["<a>", "<a><b>", "<b>", "<"]))
        let special = SpecialTokens([0, 1, 2, 3], table)
        let text = Array("x<a><b><a>".utf8)
        let first = try #require(special.first(in: text, 0..<text.count))
        #expect(first == (1, 1..<7))
        let second = try #require(special.first(in: text, 7..<text.count))
        #expect(second == (0, 7..<10))
        let cut = try #require(special.first(in: text, 1..<6))
        #expect(cut == (0, 1..<4))
        #expect(special.first(in: text, 0..<1) == nil)
    }

    @Test(
        arguments: [
            (nil, nil, "gpt-2", [0]), (true, nil, "gpt-2", [10, 0]), (true, true, "gpt-2", [10, 0, 8]),
            (nil, nil, "llama-bpe", [10, 0]), (false, nil, "llama-bpe", [0]),
        ] as [(Bool?, Bool?, String, [TokenID])])
    func specialTokensAroundText(addBOS: Bool?, addEOS: Bool?, rule: String, ids: [TokenID]) throws {
        var other = vocabulary
        (other.addBOS, other.addEOS, other.preTokenizer) = (addBOS, addEOS, rule)
        let tokenizer = try Tokenizer(other)
        #expect(tokenizer.encode("a", addSpecial: true, parseSpecial: true) == ids)
        #expect(tokenizer.encode("a", addSpecial: false, parseSpecial: true) == [0])
    }

    @Test func piecesOfSpecialTokensAreHidden() throws {
        let tokenizer = try Tokenizer(vocabulary)
        #expect(tokenizer.bytes(of: 6, showSpecial: false) == Array(" a".utf8))
        #expect(tokenizer.bytes(of: 8, showSpecial: false).isEmpty)
        #expect(tokenizer.bytes(of: 8, showSpecial: true) == Array("<|im_end|>".utf8))
        #expect(tokenizer.bytes(of: 9, showSpecial: false) == Array("<user>".utf8))
        #expect(tokenizer.decode([10, 5, 6, 8], showSpecial: false) == "abc a")
        #expect(tokenizer.decode([10, 5], showSpecial: true) == "<|im_start|>abc")
    }

    @Test(arguments: [-1, 12, .min, .max] as [TokenID]) func unknownIdsAreEmpty(id: TokenID) throws {
        let tokenizer = try Tokenizer(vocabulary)
        #expect(tokenizer.bytes(of: id, showSpecial: true).isEmpty)
        #expect(tokenizer.decode([id, 0, id], showSpecial: true) == "a")
    }

    @Test func silentFilesGetTheFamilysDefaults() throws {
        let tokenizer = try Tokenizer(SmallVocabularies.sentencePiece)
        #expect(tokenizer.count == 268)
        #expect((tokenizer.bos, tokenizer.eos, tokenizer.unknown) == (1, 2, 0))
        #expect((tokenizer.eot, tokenizer.padding) == (nil, nil))
        #expect(tokenizer.addsBOS)
        #expect(!tokenizer.addsEOS)
        var negative = vocabulary
        negative.padding = -1
        #expect(try Tokenizer(negative).padding == nil)
    }

    @Test func equalTextsAndEmptyOnesAreTolerated() throws {
        var other = vocabulary
        other.tokens[1] = []
        other.tokens[2] = Array("a".utf8)
        let tokenizer = try Tokenizer(other)
        #expect(tokenizer.encode("ab", addSpecial: false, parseSpecial: false) == [4])
        #expect(tokenizer.encode("a", addSpecial: false, parseSpecial: false) == [2])
    }
}

@Suite struct EndOfGenerationTests {
    private func tokenizer(_ texts: [String], eos: TokenID, eot: TokenID? = nil) throws -> Tokenizer {
        try Tokenizer(
            Vocabulary(
                model: "gpt2", preTokenizer: "gpt-2", tokens: SmallVocabularies.bytes(texts),
                merges: [Array("a b".utf8)], bos: 0, eos: eos, eot: eot))
    }

    @Test(arguments: ["<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<end_of_turn>", "</s>", "<|fim_pad|>"])
    func wellKnownTextEndsBesideEOS(text: String) throws {
        #expect(try tokenizer(["a", "b", text], eos: 1).endOfGeneration == [1, 2])
    }

    @Test func namedEndOfTurnEnds() throws {
        let named = try tokenizer(["a", "b", "c"], eos: 1, eot: 2)
        #expect(named.endOfGeneration == [1, 2])
        #expect(named.eot == 2)
        #expect(try tokenizer(["a", "<|im_end|>"], eos: 0).eot == 1)
    }

    @Test func endOfMessageDoesNotEndWhereReturnAndCallDo() throws {
        let texts = ["a", "<|return|>", "<|call|>", "<|end|>"]
        #expect(try tokenizer(texts, eos: 1).endOfGeneration == [1, 2])
        #expect(try tokenizer(["a", "<|end|>"], eos: 0).endOfGeneration == [0, 1])
    }

    @Test func closingTagIsOrdinaryBesideToolResponse() throws {
        let tokenizer = try tokenizer(["a", "</s>", "<|tool_response>"], eos: 2)
        #expect(tokenizer.endOfGeneration == [2])
        #expect(tokenizer.bytes(of: 1, showSpecial: false) == Array("</s>".utf8))
    }

    @Test func markersOfPartsOfAReplyAreShown() throws {
        let tokenizer = try tokenizer(["a", "<|channel|>"], eos: 0)
        #expect(tokenizer.bytes(of: 1, showSpecial: false) == Array("<|channel|>".utf8))
    }
}
