import Testing

@testable import Tokenizer

@Suite struct TokenizerErrorTests {
    private func error(_ change: (inout Vocabulary) -> Void) -> TokenizerError? {
        var vocabulary = SmallVocabularies.byteLevel
        change(&vocabulary)
        do throws(TokenizerError) {
            _ = try Tokenizer(vocabulary)
            return nil
        } catch {
            return error
        }
    }

    @Test func goodVocabularyIsTaken() { #expect(error { _ in } == nil) }

    @Test func unknownFamilyIsRefused() {
        #expect(error { $0.model = "bert" } == .unsupportedModel(name: "bert", supported: ["gpt2", "llama"]))
    }

    @Test func unknownRuleIsRefused() {
        let refused = error { $0.preTokenizer = "klingon" }
        #expect(refused == .unsupportedPreTokenizer(name: "klingon", supported: PreTokenizer.names))
        #expect(refused?.description.contains("\"qwen2\"") == true)
        #expect(PreTokenizer.names.contains("llama-bpe"))
    }

    @Test func listsOfOtherLengthsAreRefused() {
        #expect(
            error { $0.types = [1] }
                == .countsDisagree(field: "tokenizer.ggml.token_type", found: 1, tokens: 12))
        #expect(
            error { $0.scores = [0, 1] }
                == .countsDisagree(field: "tokenizer.ggml.scores", found: 2, tokens: 12))
    }

    @Test(arguments: ["bos", "eos", "eot", "unknown", "padding"]) func idsOutsideAreRefused(name: String) {
        let field = "tokenizer.ggml.\(name)_token_id"
        #expect(error { set(name, 12, &$0) } == .tokenOutOfRange(field: field, id: 12, tokens: 12))
        #expect(error { set(name, 11, &$0) } == nil)
    }

    private func set(_ name: String, _ id: TokenID, _ vocabulary: inout Vocabulary) {
        switch name {
        case "bos": vocabulary.bos = id
        case "eos": vocabulary.eos = id
        case "eot": vocabulary.eot = id
        case "unknown": vocabulary.unknown = id
        default: vocabulary.padding = id
        }
    }

    @Test func emptyListsAreRefused() {
        #expect(error { $0.tokens = [] } == .missing(field: "tokenizer.ggml.tokens"))
        #expect(error { $0.merges = [] } == .missing(field: "tokenizer.ggml.merges"))
    }

    @Test(
        arguments: [
            (
                .countsDisagree(field: "tokenizer.ggml.scores", found: 2, tokens: 12),
                "tokenizer.ggml.scores: 2 entries for 12 tokens; convert the model again"
            ),
            (
                .unsupportedModel(name: "bert", supported: ["gpt2", "llama"]),
                "tokenizer.ggml.model: \"bert\" is not supported; choose a model with one of "
                    + "\"gpt2\", \"llama\""
            ),
            (
                .tokenOutOfRange(field: "tokenizer.ggml.bos_token_id", id: 12, tokens: 12),
                "tokenizer.ggml.bos_token_id: token 12 of 12 tokens; convert the model again"
            ),
            (
                .missing(field: "tokenizer.ggml.merges"),
                "tokenizer.ggml.merges: 0 entries, at least 1 is needed; convert the model again"
            ),
            (
                .tooManyEntries(found: 9, limit: 8),
                "tokenizer.ggml.tokens: 9 tokens and merges, at most 8 can be numbered; "
                    + "choose a smaller model"
            ),
        ] as [(TokenizerError, String)])
    func messagesCarryTheFacts(error: TokenizerError, message: String) {
        #expect(error.description == message)
    }
}
