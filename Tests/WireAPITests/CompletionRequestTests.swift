import Testing
import WireAPI

@Suite struct CompletionRequestTests {
    private func parse(_ text: String) throws(APIError) -> CompletionRequest {
        try CompletionRequest(body: Array(text.utf8))
    }

    @Test(arguments: [
        (#""Once""#, CompletionRequest.Prompt.text("Once")),
        (#"["Once"]"#, .text("Once")),
        ("[1, 2, 3]", .tokens([1, 2, 3])),
        ("[[1, 2]]", .tokens([1, 2])),
        (#""""#, .text("")),
    ])
    func promptsOfEveryKindAreRead(text: String, expected: CompletionRequest.Prompt) throws {
        #expect(try parse("{\"prompt\": \(text)}").prompt == expected)
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
            "prompt: missing; expected a string, a list of token ids, or a list with one of these"
        ),
        (#"{"prompt": []}"#, .emptyPrompt, "prompt", "prompt: the list is empty; send some text"),
        (
            #"{"prompt": 5}"#, .wrongType, "prompt",
            "prompt: expected a string, a list of token ids, or a list with one of these, found an integer"
        ),
        (
            #"{"prompt": ["a", "b"]}"#, .unsupported, "prompt",
            "prompt: holds 2 prompts, one request answers 1; send several requests"
        ),
        (#"{"prompt": [1, "b"]}"#, .wrongType, "prompt[1]", "prompt[1]: expected a token id, found a string"),
        (#"{"prompt": [-1]}"#, .tokenOutOfRange, "prompt[0]", "prompt[0]: -1 is not a token id"),
        (
            #"{"prompt": [4294967296]}"#, .tokenOutOfRange, "prompt[0]",
            "prompt[0]: 4294967296 is not a token id"
        ),
        (
            #"{"prompt": "a", "echo": true}"#, .unsupported, "echo",
            "echo: the prompt is not repeated here; leave it out or send false"
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
