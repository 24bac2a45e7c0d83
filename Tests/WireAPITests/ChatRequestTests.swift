import Testing
import WireAPI

@Suite struct ChatRequestTests {
    private func parse(_ text: String) throws(APIError) -> ChatRequest {
        try ChatRequest(body: Array(text.utf8))
    }

    private func withHello(_ more: String) throws(APIError) -> ChatRequest {
        try parse(
            #"{"messages": [{"role": "user", "content": "Hello"}]"# + (more.isEmpty ? "}" : ", \(more)}"))
    }

    @Test func leastRequestTakesTheDefaults() throws {
        let request = try withHello("")
        #expect(request.messages == [["role": "user", "content": "Hello"]])
        #expect(request.fields == GenerationFields())
        #expect(request.tools == nil)
        #expect(request.logProbabilities == nil)
        #expect(request.addGenerationPrompt)
    }

    @Test func everyFieldIsRead() throws {
        let request = try withHello(
            """
            "model": "m", "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.5,
            "top_p": 0.9, "top_k": 40, "min_p": 0.05, "max_tokens": 7, "max_completion_tokens": 8,
            "stop": ["a", "b"], "seed": -3, "frequency_penalty": 1, "presence_penalty": -1,
            "repetition_penalty": 1.1, "logit_bias": {"5": -100, "6": 2.5}, "ignore_eos": true,
            "logprobs": true, "top_logprobs": 3, "n": 1, "tools": [{"type": "function"}],
            "chat_template_kwargs": {"enable_thinking": false}, "response_format": {"type": "text"}
            """)
        var expected = GenerationFields()
        expected.model = "m"
        (expected.stream, expected.includeUsage) = (true, true)
        (expected.temperature, expected.topP, expected.topK, expected.minP) = (0.5, 0.9, 40, 0.05)
        (expected.maxTokens, expected.stop, expected.seed) = (8, ["a", "b"], -3)
        (expected.frequencyPenalty, expected.presencePenalty, expected.repetitionPenalty) = (1, -1, 1.1)
        expected.logitBias = [5: -100, 6: 2.5]
        expected.ignoreEOS = true
        #expect(request.fields == expected)
        #expect(request.logProbabilities == 3)
        #expect(request.tools == [["type": "function"]])
        #expect(request.templateVariables == ["enable_thinking": false])
    }

    /// What OpenAI's own clients add without being asked, or send as null, changes nothing.
    @Test func harmlessFieldsAreIgnored() throws {
        let request = try withHello(
            """
            "user": "u", "metadata": {"a": "b"}, "store": false, "service_tier": "auto", "temperature": null,
            "stop": null, "n": null, "reasoning_effort": "low", "parallel_tool_calls": true,
            "tool_choice": "auto",
            "logprobs": false, "modalities": ["text"], "stream": false
            """)
        #expect(request == (try withHello("")))
    }

    @Test func contentBecomesOneStringAndOtherKeysStay() throws {
        let request = try parse(
            #"""
            {"messages": [
              {"role": "developer", "content": [
                {"type": "text", "text": "Be"}, {"type": "text", "text": "brief"}]},
              {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]},
              {"role": "tool", "content": "2", "tool_call_id": "c1"}
            ]}
            """#)
        #expect(request.messages[0] == ["role": "system", "content": "Be\nbrief"])
        #expect(request.messages[1]["content"] == "")
        #expect(request.messages[1]["tool_calls"]?[0]?["function"]?["arguments"] == ["x": 1])
        #expect(request.messages[2]["tool_call_id"] == "c1")
    }

    @Test func toolsAreHiddenWhenNotWanted() throws {
        #expect(try withHello(#""tools": [{}], "tool_choice": "none""#).tools == nil)
    }

    @Test(arguments: [
        (
            #""max_token": 5"#, ErrorCode.unknownField, "max_token",
            "max_token: no such field; did you mean max_tokens?"
        ),
        (
            #""tempreature": 1"#, .unknownField, "tempreature",
            "tempreature: no such field; did you mean temperature?"
        ),
        (#""zzzzzz": 1"#, .unknownField, "zzzzzz", "zzzzzz: no such field; leave it out"),
        (
            #""temperature": "hot""#, .wrongType, "temperature",
            "temperature: expected a number, found a string"
        ),
        (
            #""temperature": 2.5"#, .outOfRange, "temperature",
            "temperature: 2.5 is out of range, expected 0 to 2"
        ),
        (
            #""temperature": -1"#, .outOfRange, "temperature",
            "temperature: -1 is out of range, expected 0 to 2"
        ),
        (#""top_p": 1.01"#, .outOfRange, "top_p", "top_p: 1.01 is out of range, expected 0 to 1"),
        (#""top_k": 1.5"#, .wrongType, "top_k", "top_k: expected an integer, found a number"),
        (
            #""max_tokens": 0"#, .outOfRange, "max_tokens",
            "max_tokens: 0 is out of range, expected at least 1"
        ),
        (
            #""max_tokens": true"#, .wrongType, "max_tokens",
            "max_tokens: expected an integer, found a boolean"
        ),
        (#""stream": "yes""#, .wrongType, "stream", "stream: expected true or false, found a string"),
        (
            #""stream_options": {}"#, .outOfRange, "stream_options",
            "stream_options: only goes with \"stream\": true"
        ),
        (#""stop": 5"#, .wrongType, "stop", "stop: expected a string or a list of strings, found an integer"),
        (#""stop": ["a", 1]"#, .wrongType, "stop[1]", "stop[1]: expected a string, found an integer"),
        (#""stop": [""]"#, .outOfRange, "stop[0]", "stop[0]: holds 0 bytes, expected 1 to 1024"),
        (#""seed": "x""#, .wrongType, "seed", "seed: expected an integer, found a string"),
        (
            #""logit_bias": {"x": 1}"#, .outOfRange, "logit_bias", "logit_bias: \"x\" is not a token id"
        ),
        (
            #""logit_bias": {"1": 101}"#, .outOfRange, "logit_bias.1",
            "logit_bias.1: 101 is out of range, expected -100 to 100"
        ),
        (
            #""n": 2"#, .unsupported, "n",
            "n: 2 answers asked for, this daemon gives 1; send several requests"
        ),
        (
            #""top_logprobs": 2"#, .outOfRange, "top_logprobs",
            "top_logprobs: only goes with \"logprobs\": true"
        ),
        (
            #""logprobs": true, "top_logprobs": 21"#, .outOfRange, "top_logprobs",
            "top_logprobs: 21 is out of range, expected 0 to 20"
        ),
        (
            #""logprobs": 5"#, .wrongType, "logprobs", "logprobs: expected true or false, found an integer"
        ),
        (
            #""response_format": {"type": "xml"}"#, .unsupported, "response_format",
            "response_format: \"xml\" is not offered; known are text, json_object and json_schema"
        ),
        (
            #""response_format": {"type": "json_schema"}"#, .missingField, "response_format.json_schema",
            "response_format.json_schema: missing"
        ),
        (
            #""response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "thing"}}}"#,
            .unsupported,
            "response_format.json_schema.schema.type",
            "response_format.json_schema.schema.type: \"thing\" is no type; known are array, boolean, integer, null, "
                + "number, object, string"
        ),
        (#""tools": [1]"#, .wrongType, "tools[0]", "tools[0]: expected an object, found an integer"),
        (
            #""tool_choice": "required""#, .unsupported, "tool_choice",
            "tool_choice: \"required\" only goes with tools"
        ),
        (
            #""tool_choice": "perhaps""#, .unsupported, "tool_choice",
            "tool_choice: \"perhaps\" is not known; send auto, none, required or the function that is to be called"
        ),
        (
            #""tools": [{"function": {"name": "f"}}], "tool_choice": {"type": "function", "function": {"name": "g"}}"#,
            .unsupported, "tool_choice", "tool_choice: \"g\" is not among the tools"
        ),
        (
            #""tools": [{}], "tool_choice": "required""#, .missingField, "tools: function.name",
            "tools: function.name: missing"
        ),
        (
            #""functions": [{}]"#, .unsupported, "functions",
            "functions: superseded by tools; send the description there"
        ),
    ])
    func badFieldsAreNamed(more: String, code: ErrorCode, param: String, message: String) {
        #expect(throws: APIError(code: code, param: param, message: message)) { try withHello(more) }
    }

    @Test(
        arguments: [
            ("", ErrorCode.malformedJSON, nil, "the body is empty; send a JSON object"),
            (
                "{", .malformedJSON, nil,
                "the body is not JSON: line 1, column 2: expected a member name in quotes, "
                    + "found the end of the text"
            ),
            ("[]", .wrongType, nil, "the body: expected a JSON object, found a list"),
            (
                "{}", .missingField, "messages",
                #"messages: missing; send a list such as [{"role": "user", "content": "Hello"}]"#
            ),
            (#"{"messages": "hi"}"#, .wrongType, "messages", "messages: expected a list, found a string"),
            (
                #"{"messages": []}"#, .outOfRange, "messages",
                "messages: the list is empty, expected at least 1 message"
            ),
            (
                #"{"messages": ["hi"]}"#, .wrongType, "messages[0]",
                "messages[0]: expected an object, found a string"
            ),
            (
                #"{"messages": [{"content": "hi"}]}"#, .missingField, "messages[0].role",
                "messages[0].role: missing; "
                    + "expected one of system, developer, user, assistant, tool, function"
            ),
            (
                #"{"messages": [{"role": "usr", "content": "hi"}]}"#, .outOfRange, "messages[0].role",
                "messages[0].role: \"usr\" is not one of system, developer, user, assistant, tool, function; "
                    + "did you mean \"user\"?"
            ),
            (
                #"{"messages": [{"role": "user"}]}"#, .missingField, "messages[0].content",
                "messages[0].content: missing; expected a string or a list of parts"
            ),
            (
                #"{"messages": [{"role": "user", "content": 5}]}"#, .wrongType, "messages[0].content",
                "messages[0].content: expected a string or a list of parts, found an integer"
            ),
            (
                #"{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}"#, .unsupported,
                "messages[0].content[0].type",
                "messages[0].content[0].type: \"image_url\" is not offered; the model reads only \"text\""
            ),
            (
                #"{"messages": [{"role": "user", "content": [{"type": "text"}]}]}"#, .missingField,
                "messages[0].content[0].text", "messages[0].content[0].text: missing; expected a string"
            ),
        ] as [(String, ErrorCode, String?, String)])
    func badBodiesAreNamed(body: String, code: ErrorCode, param: String?, message: String) {
        #expect(throws: APIError(code: code, param: param, message: message)) { try parse(body) }
    }

    @Test func listsAreBounded() {
        let message = #"{"role": "user", "content": ""}"#
        let many = Array(repeating: message, count: ChatRequest.maximumMessages + 1).joined(separator: ",")
        #expect(
            throws: APIError(
                code: .outOfRange, param: "messages",
                message: "messages: holds 2049 entries, at most 2048 are read")
        ) { try parse("{\"messages\": [\(many)]}") }
        let stops = Array(repeating: "\"x\"", count: 17).joined(separator: ",")
        #expect(
            throws: APIError(
                code: .outOfRange, param: "stop", message: "stop: holds 17 entries, at most 16 are read")
        ) { try withHello("\"stop\": [\(stops)]") }
    }
}
