package import ChatTemplate

/// The messages of a chat as the model's template sees them.
package struct Conversation: Sendable, Equatable {
    /// Objects with at least `role` and `content`, oldest first.
    package var messages: [TemplateValue]
    package var addGenerationPrompt: Bool
    /// Tool descriptions as the client sent them; `nil` when it sent none.
    package var tools: [TemplateValue]?
    /// Further variables of the template, such as `enable_thinking`.
    package var extra: [String: TemplateValue]

    package init(
        messages: [TemplateValue], addGenerationPrompt: Bool = true, tools: [TemplateValue]? = nil,
        extra: [String: TemplateValue] = [:]
    ) {
        self.messages = messages
        self.addGenerationPrompt = addGenerationPrompt
        self.tools = tools
        self.extra = extra
    }
}
