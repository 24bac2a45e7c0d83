import ChatTemplate
import Testing

/// Short templates in the manner of published ones.
///
/// The expected prompts were printed by jinja2 3.1.6 as transformers sets it up (`trim_blocks`, `lstrip_blocks`,
/// loop controls, `tojson` without escapes) from the same templates and conversations.
@Suite struct PublishedStyleTests {
    private static let turns = [
        Sample.message("user", "Hi, I am Ada."), Sample.message("assistant", " Hello Ada! "),
        Sample.message("user", "Who am I?"),
    ]
    private static let system = Sample.message("system", "Be brief.")

    private func render(
        _ source: String, _ messages: [TemplateValue], prompt: Bool = true, tools: [TemplateValue]? = nil,
        extra: [String: TemplateValue] = [:]
    ) throws -> String {
        try ChatTemplate(source: source).render(
            messages: messages, addGenerationPrompt: prompt, bosToken: "<s>", eosToken: "</s>", tools: tools,
            extra: extra)
    }

    // MARK: Roles between markers, a default system message

    private static let markerTemplate = #"""
        {% for message in messages %}
        {% if loop.first and message['role'] != 'system' %}
        {{ '<|im_start|>system
        You are helpful.<|im_end|>
        ' }}
        {%- endif %}
        {{ '<|im_start|>' + message['role'] + '
        ' + message['content'] + '<|im_end|>' + '
        ' }}
        {%- endfor %}
        {% if add_generation_prompt %}
        {{ '<|im_start|>assistant
        ' }}
        {%- endif %}
        """#

    @Test func aDefaultSystemMessageIsAdded() throws {
        let expected = #"""
            <|im_start|>system
            You are helpful.<|im_end|>
            <|im_start|>user
            Hi, I am Ada.<|im_end|>
            <|im_start|>assistant
             Hello Ada! <|im_end|>
            <|im_start|>user
            Who am I?<|im_end|>
            <|im_start|>assistant

            """#
        #expect(try render(Self.markerTemplate, Self.turns) == expected)
    }

    @Test func theOwnSystemMessageIsKept() throws {
        let expected = #"""
            <|im_start|>system
            Be brief.<|im_end|>
            <|im_start|>user
            Hi, I am Ada.<|im_end|>
            <|im_start|>assistant
             Hello Ada! <|im_end|>
            <|im_start|>user
            Who am I?<|im_end|>

            """#
        #expect(try render(Self.markerTemplate, [Self.system] + Self.turns, prompt: false) == expected)
    }

    // MARK: Alternating roles, the system message inside the first turn

    private static let instructionTemplate = #"""
        {{- bos_token }}
        {%- if messages[0]['role'] == 'system' %}
            {%- set system_message = messages[0]['content'] %}
            {%- set loop_messages = messages[1:] %}
        {%- else %}
            {%- set loop_messages = messages %}
        {%- endif %}
        {%- for message in loop_messages %}
            {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
                {{- raise_exception('roles must alternate user/assistant') }}
            {%- endif %}
            {%- if message['role'] == 'user' %}
                {%- if loop.first and system_message is defined %}
                    {{- ' [INST] ' + system_message + '\n\n' + message['content'] + ' [/INST]' }}
                {%- else %}
                    {{- ' [INST] ' + message['content'] + ' [/INST]' }}
                {%- endif %}
            {%- else %}
                {{- ' ' + message['content'] | trim + eos_token }}
            {%- endif %}
        {%- endfor %}
        """#

    @Test func theSystemMessageJoinsTheFirstTurn() throws {
        let expected = #"""
            <s> [INST] Be brief.

            Hi, I am Ada. [/INST] Hello Ada!</s> [INST] Who am I? [/INST]
            """#
        #expect(try render(Self.instructionTemplate, [Self.system] + Self.turns) == expected)
    }

    @Test func rolesThatDoNotAlternateAreRefused() {
        #expect(throws: TemplateError.raised(message: "roles must alternate user/assistant")) {
            try render(Self.instructionTemplate, Self.turns + Self.turns)
        }
    }

    // MARK: Parts, tools and thinking

    static let toolTemplate = #"""
        {%- macro text_of(content) -%}
            {%- if content is string -%}
                {{- content -}}
            {%- else -%}
                {%- for part in content if part.type == 'text' -%}{{- part.text -}}{%- endfor -%}
            {%- endif -%}
        {%- endmacro -%}
        {%- set ns = namespace(last_user=-1) -%}
        {%- for message in messages if message.role == 'user' -%}
            {%- set ns.last_user = loop.index0 -%}
        {%- endfor -%}
        {%- if tools -%}
        <tools>
        {% for tool in tools %}
        {{ tool.function | tojson }}
        {% endfor %}
        </tools>
        {% endif -%}
        {%- for message in messages %}
            {%- set content = text_of(message.content or '') %}
            {%- if message.role == 'assistant' %}
                {%- if not enable_thinking | default(true) and '</think>' in content %}
                    {%- set content = content.split('</think>')[-1].lstrip('\n') %}
                {%- endif %}
                {{- '<|assistant|>' + content }}
                {%- for call in message.tool_calls or [] %}
                    {%- set call = call.function or call %}
                    {{- '\n<call>' ~ {'name': call.name, 'arguments': call.arguments} | tojson ~ '</call>' }}
                    {%- for key, value in call.arguments | items %}
                        {{- ' ' ~ key ~ '=' ~ (value | tojson if value is not string else value) }}
                    {%- endfor %}
                {%- endfor %}
            {%- else %}
                {{- '<|' ~ message.role ~ '|>' ~ content }}
            {%- endif %}
            {{- eos_token }}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<|assistant|>' }}
            {%- if enable_thinking is defined and enable_thinking is false %}
                {{- '<think></think>' }}
            {%- endif %}
        {%- endif %}
        """#

    private static let weather: TemplateValue = .object([
        "type": .string("function"),
        "function": .object([
            "name": .string("weather"),
            "parameters": .object([
                "type": .string("object"),
                "properties": .object(["city": .object(["type": .string("string")])]),
            ]),
        ]),
    ])
    private static let toolTurns: [TemplateValue] = [
        .object([
            "role": .string("user"),
            "content": .array([
                .object(["type": .string("text"), "text": .string("Weather in ")]),
                .object(["type": .string("image")]),
                .object(["type": .string("text"), "text": .string("Köln?")]),
            ]),
        ]),
        .object([
            "role": .string("assistant"), "content": .none,
            "tool_calls": .array([
                .object([
                    "type": .string("function"),
                    "function": .object([
                        "name": .string("weather"),
                        "arguments": .object(["city": .string("Köln"), "days": .int(2)]),
                    ]),
                ])
            ]),
        ]),
        Sample.message("tool", "{\"t\": 3}"),
        Sample.message("assistant", "<think>\nso\n</think>\n\n3 degrees"),
    ]

    @Test func toolsAndTheirCallsAreWritten() throws {
        let expected = #"""
            <tools>
            {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
            </tools>
            <|user|>Weather in Köln?</s><|assistant|>
            <call>{"name": "weather", "arguments": {"city": "Köln", "days": 2}}</call> city=Köln days=2</s><|tool|>{"t": 3}</s><|assistant|><think>
            so
            </think>

            3 degrees</s><|assistant|>
            """#
        #expect(try render(Self.toolTemplate, Self.toolTurns, tools: [Self.weather]) == expected)
    }

    @Test func extraVariablesReachTheTemplate() throws {
        let expected = #"""
            <|user|>Weather in Köln?</s><|assistant|>
            <call>{"name": "weather", "arguments": {"city": "Köln", "days": 2}}</call> city=Köln days=2</s><|tool|>{"t": 3}</s><|assistant|>3 degrees</s><|assistant|><think></think>
            """#
        #expect(
            try render(Self.toolTemplate, Self.toolTurns, extra: ["enable_thinking": .bool(false)])
                == expected)
    }

    /// Python's `None`, not undefined: templates ask `tools is not none`.
    @Test func toolsThatAreNotGivenAreNone() throws {
        #expect(
            try render("{{ tools is none }} {{ documents is none }} {{ bos_token }}", []) == "True True <s>")
    }
}
