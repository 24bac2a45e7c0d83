/// A model's chat template, parsed once and rendered many times.
///
/// An interpreter of the part of Jinja that published templates use, with the settings of Hugging Face's
/// transformers: `trim_blocks`, `lstrip_blocks`, `break` and `continue`, `raise_exception`, `strftime_now`, a
/// `tojson` that keeps characters as they are. Lists and dictionaries may be changed by their methods, which
/// transformers forbids and llama.cpp allows.
///
/// Source: jinja2 3.1.
package struct ChatTemplate: Sendable {
    private let body: [Statement]

    /// - Throws: `.syntax`, `.unsupported` or `.limit` with the line.
    package init(source: String) throws(TemplateError) {
        body = try Parser.parse(source)
    }

    package init(_ source: String) throws(TemplateError) {
        try self.init(source: source)
    }

    /// The text that the template makes of `variables`.
    ///
    /// - Parameters:
    ///   - variables: those given as `.undefined` are as if they were left out.
    ///   - now: seconds since 1970 in local time for `strftime_now`; without it that function is undefined.
    /// - Throws: `.runtime` with the line, `.raised` with the template's own words, `.limit`, `.unsupported`.
    package func render(
        _ variables: [String: TemplateValue], now: Int? = nil, limits: RenderLimits = .standard
    ) throws(TemplateError) -> String {
        try Interpreter.render(body, variables: variables, now: now, limits: limits)
    }

    /// The prompt of a conversation.
    ///
    /// - Parameters:
    ///   - messages: objects with at least `role` and `content`, oldest first.
    ///   - tools: `nil` is the template's `none`, as transformers passes it.
    ///   - extra: further variables, which win over those made here.
    ///   - now: as above.
    package func render(
        messages: [TemplateValue], addGenerationPrompt: Bool, bosToken: String, eosToken: String,
        tools: [TemplateValue]? = nil, extra: [String: TemplateValue] = [:], now: Int? = nil
    ) throws(TemplateError) -> String {
        var variables: [String: TemplateValue] = [
            "messages": .array(messages), "add_generation_prompt": .bool(addGenerationPrompt),
            "bos_token": .string(bosToken), "eos_token": .string(eosToken),
            "tools": tools.map(TemplateValue.array) ?? .none, "documents": .none,
        ]
        for (name, value) in extra { variables[name] = value }
        return try render(variables, now: now)
    }
}
