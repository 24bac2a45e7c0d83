internal import ArgumentParser
internal import ChatTemplate
internal import Importing
internal import Machine
internal import Tokenizer
internal import WireAPI

/// `chessctl template`: the prompt a model's chat template makes of messages.
struct TemplateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: "Show the prompt a chat template makes of messages.",
        discussion: """
            Reads JSON from standard input: a list of messages, or an object with "messages" and, as one likes, \
            "tools", "add_generation_prompt" (true unless said) and "chat_template_kwargs" (further variables).

              echo '[{"role": "user", "content": "Hello"}]' | chessctl template models/NAME.chess
              chessctl template model.gguf < messages.json
            """)

    @Argument(help: "A .chess or .gguf file.", completion: .file(extensions: ["chess", "gguf"]))
    var file: String

    @Flag(help: "Do not open the assistant's turn, whatever the input says.")
    var noGenerationPrompt = false

    func run() async throws {
        try await runningModelTool("template") {
            let parts = try TextParts(path: file)
            guard let source = parts.chatTemplate else { throw ModelToolError.noChatTemplate(path: file) }
            let input = try TemplateInput(try await Terminal.readAll(limit: 1 << 24))
            try Terminal.write(
                try Self.render(
                    source, input, vocabulary: parts.vocabulary, path: file,
                    addGenerationPrompt: input.addGenerationPrompt && !noGenerationPrompt))
        }
    }

    private static func render(
        _ source: String, _ input: TemplateInput, vocabulary: Vocabulary, path: String,
        addGenerationPrompt: Bool
    ) throws(ModelToolError) -> String {
        func text(of token: TokenID?) -> String {
            guard let token, vocabulary.tokens.indices.contains(Int(token)) else { return "" }
            return String(decoding: vocabulary.tokens[Int(token)], as: UTF8.self)
        }
        do {
            return try ChatTemplate(source).render(
                messages: input.messages, addGenerationPrompt: addGenerationPrompt,
                bosToken: text(of: vocabulary.bos), eosToken: text(of: vocabulary.eos), tools: input.tools,
                extra: input.extra, now: ProcessFacts.localSeconds)
        } catch {
            throw .template(path: path, reason: "\(error)")
        }
    }
}

/// What a person sends to `template`.
struct TemplateInput {
    var messages: [TemplateValue]
    var tools: [TemplateValue]?
    var addGenerationPrompt = true
    var extra: [String: TemplateValue] = [:]

    init(_ text: String) throws(ModelToolError) {
        let json: JSONValue
        do throws(JSONSyntaxError) { json = try JSONValue(parsing: text) } catch {
            throw .messages(reason: "not JSON, \(error)")
        }
        switch json {
        case .array(let messages):
            self.messages = try Self.objects(messages, "the list")
        case .object(let object):
            guard case .array(let messages)? = object["messages"] else {
                throw .messages(
                    reason: "\"messages\" is \(object["messages"]?.kind ?? "missing"), a list is needed")
            }
            self.messages = try Self.objects(messages, "\"messages\"")
            if case .array(let tools)? = object["tools"] { self.tools = tools.map(TemplateValue.init(json:)) }
            addGenerationPrompt = object["add_generation_prompt"]?.boolValue ?? true
            if case .object(let variables)? = object["chat_template_kwargs"] {
                for (key, value) in variables { extra[key] = TemplateValue(json: value) }
            }
        default:
            throw .messages(reason: "it is \(json.kind)")
        }
    }

    private static func objects(_ values: [JSONValue], _ what: String) throws(ModelToolError)
        -> [TemplateValue]
    {
        for (index, value) in values.enumerated() {
            guard case .object = value else {
                throw .messages(reason: "element \(index) of \(what) is \(value.kind), a message is needed")
            }
        }
        return values.map(TemplateValue.init(json:))
    }
}

extension TemplateValue {
    /// The same value as templates see it; JSON's null is their `none`.
    init(json: JSONValue) {
        switch json {
        case .null: self = .none
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .double(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .array(let items): self = .array(items.map(TemplateValue.init(json:)))
        case .object(let members):
            var object = OrderedObject()
            for (key, value) in members { object[key] = TemplateValue(json: value) }
            self = .object(object)
        }
    }
}
