import Testing
import WireAPI

@Suite struct CompletionRequestTests {
    private func parse(_ text: String) throws(APIError) -> CompletionRequest {
        try CompletionRequest(body: Array(text.utf8))
    }

    @Test(arguments: [
        (#""Once""#, [CompletionRequest.Prompt.text("Once")]),
        (#"["Once"]"#, [.text("Once")]),
        (#"["Once", ""]"#, [.text("Once"), .text("")]),
        ("[1, 2, 3]", [.tokens([1, 2, 3])]),
        ("[[1, 2]]", [.tokens([1, 2])]),
        ("[[1, 2], [3]]", [.tokens([1, 2]), .tokens([3])]),
        (#"["a", [3]]"#, [.text("a"), .tokens([3])]),
        (#""""#, [.text("")]),
    ])
    func promptsOfEveryKindAreRead(text: String, expected: [CompletionRequest.Prompt]) throws {
        #expect(try parse("{\"prompt\": \(text)}").prompts == expected)
    }

    @Test func promptsAreBounded() throws {
        func prompts(_ count: Int) -> String {
            "{\"prompt\": [\(Array(repeating: "\"a\"", count: count).joined(separator: ","))]}"
        }
        #expect(try parse(prompts(128)).prompts.count == 128)
        let error = APIError(
            code: .outOfRange, param: "prompt",
            message: "prompt: holds 129 prompts, at most 128 are answered at once")
        #expect(throws: error) { try parse(prompts(129)) }
    }

    /// What lm-evaluation-harness sends for a continuation, and the request that generates nothing.
    @Test func echoScoresThePrompt() throws {
        let sent = """
            {"model": "m", "prompt": [[1, 2]], "temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1234,
             "echo": true}
            """
        let request = try parse(sent)
        #expect(request.echo && request.logProbabilities == 1 && request.fields.maxTokens == 1)
        #expect(try parse(#"{"prompt": "a", "max_tokens": 0, "echo": true}"#).fields.maxTokens == 0)
        #expect(try !parse(#"{"prompt": "a", "echo": false}"#).echo)
    }

    @Test func sparsityIsAName() throws {
        #expect(try parse(#"{"prompt": "a", "sparsity": "chess-50"}"#).fields.sparsity == "chess-50")
        #expect(try parse(#"{"prompt": "a", "sparsity": null}"#).fields.sparsity == nil)
    }

    @Test func logprobsIsANumberHere() throws {
        #expect(
            try parse(#"{"prompt": "a", "logprobs": 5, "echo": false, "best_of": 1, "suffix": null}"#)
                .logProbabilities == 5)
        #expect(try parse(#"{"prompt": "a"}"#).logProbabilities == nil)
    }

    @Test(arguments: [
        (
            "{}", ErrorCode.missingField, "prompt",
            "prompt: missing; expected a string, a list of token ids, or a list of these"
        ),
        (#"{"prompt": []}"#, .emptyPrompt, "prompt", "prompt: the list is empty; send some text"),
        (
            #"{"prompt": 5}"#, .wrongType, "prompt",
            "prompt: expected a string, a list of token ids, or a list of these, found an integer"
        ),
        (#"{"prompt": [[]]}"#, .emptyPrompt, "prompt[0]", "prompt[0]: the list is empty; send some text"),
        (
            #"{"prompt": [[1], []]}"#, .emptyPrompt, "prompt[1]",
            "prompt[1]: the list is empty; send some text"
        ),
        (
            #"{"prompt": ["a", 1]}"#, .wrongType, "prompt[1]",
            "prompt[1]: expected a string or a list of token ids, found an integer"
        ),
        (#"{"prompt": [[1], [-2]]}"#, .tokenOutOfRange, "prompt[1][0]", "prompt[1][0]: -2 is not a token id"),
        (
            #"{"prompt": ["a", "b"], "stream": true}"#, .unsupported, "stream",
            "stream: the request holds 2 prompts, a stream answers 1"
        ),
        (
            #"{"prompt": "a", "max_tokens": 0}"#, .outOfRange, "max_tokens",
            "max_tokens: 0 only goes with \"echo\": true; send at least 1"
        ),
        (
            #"{"prompt": "a", "max_tokens": -1, "echo": true}"#, .outOfRange, "max_tokens",
            "max_tokens: -1 is out of range, expected at least 0"
        ),
        (
            #"{"prompt": "a", "sparsity": ""}"#, .outOfRange, "sparsity",
            "sparsity: holds 0 bytes, expected 1 to 128"
        ),
        (
            #"{"prompt": "a", "sparsity": 0.5}"#, .wrongType, "sparsity",
            "sparsity: expected a string, found a number"
        ),
        (#"{"prompt": [1, "b"]}"#, .wrongType, "prompt[1]", "prompt[1]: expected a token id, found a string"),
        (#"{"prompt": [-1]}"#, .tokenOutOfRange, "prompt[0]", "prompt[0]: -1 is not a token id"),
        (
            #"{"prompt": [4294967296]}"#, .tokenOutOfRange, "prompt[0]",
            "prompt[0]: 4294967296 is not a token id"
        ),
        (
            #"{"prompt": "a", "echo": true, "stream": true}"#, .unsupported, "echo",
            "echo: only goes with \"stream\": false"
        ),
        (
            #"{"prompt": "a", "logprobs": true}"#, .wrongType, "logprobs",
            "logprobs: expected an integer, found a boolean"
        ),
        (
            #"{"prompt": "a", "best_of": 3}"#, .unsupported, "best_of",
            "best_of: 3 attempts asked for, this daemon makes 1"
        ),
        (
            #"{"prompt": "a", "messages": []}"#, .unknownField, "messages",
            "messages: no such field; leave it out"
        ),
    ])
    func badBodiesAreNamed(body: String, code: ErrorCode, param: String, message: String) {
        #expect(throws: APIError(code: code, param: param, message: message)) { try parse(body) }
    }
}
