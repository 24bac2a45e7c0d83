internal import GGUF
package import Tokenizer
internal import WeightStore

/// What a model file says about text: its vocabulary and its chat template, without any weights.
///
/// Read from a store or a GGUF file, which may hold a vocabulary only.
package struct TextParts: Sendable {
    package let path: String
    package let vocabulary: Vocabulary
    /// The model's own Jinja template; `nil` when it has none.
    package let chatTemplate: String?

    /// Opens `path`, whichever of the two it is.
    package init(path: String) throws(ImportError) {
        self.path = path
        do throws(StoreError) {
            let store = try StoreInspection(path: path)
            vocabulary = try store.vocabulary()
            chatTemplate = store.metadata.chatTemplate
            return
        } catch .notAStore(_, isGGUF: true) {
            // Read below.
        } catch {
            throw .store(error)
        }
        let source = try SourceModel(path: path)
        vocabulary = try source.vocabulary()
        chatTemplate = try source.chatTemplate()
    }
}
