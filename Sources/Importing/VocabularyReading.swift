internal import Tokenizer

extension SourceModel {
    /// Everything `tokenizer.ggml.*` says, unchecked; `Tokenizer` does that.
    func vocabulary() throws(ImportError) -> Vocabulary {
        func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }
        return Vocabulary(
            model: try required(text(key("model")), key("model")), preTokenizer: try text(key("pre")) ?? "",
            tokens: try required(texts(key("tokens")), key("tokens")),
            scores: try numbers(key("scores")) ?? [],
            types: try int32s(key("token_type")) ?? [], merges: try texts(key("merges")) ?? [],
            bos: try token(key("bos_token_id")), eos: try token(key("eos_token_id")),
            eot: try token(key("eot_token_id")), unknown: try token(key("unknown_token_id")),
            padding: try token(key("padding_token_id")), addBOS: try flag(key("add_bos_token")),
            addEOS: try flag(key("add_eos_token")), addSpacePrefix: try flag(key("add_space_prefix")))
    }

    /// The model's own Jinja template; `nil` when it has none.
    func chatTemplate() throws(ImportError) -> String? { try text("tokenizer.chat_template") }

    /// An id; all bits set means that there is none.
    private func token(_ key: String) throws(ImportError) -> TokenID? {
        guard let number = try integer(key), number != Int(UInt32.max), number != -1 else { return nil }
        guard let id = TokenID(exactly: number) else {
            throw .unusableKey(path: path, key: key, reason: "token \(number), ids have 31 bits")
        }
        return id
    }
}
