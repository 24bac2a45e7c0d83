import Testing
import WireAPI

@Suite struct AnswerTests {
    private let report = TokenReport(
        token: .init(bytes: [0xC3], logProbability: -0.25),
        alternatives: [.init(bytes: Array("a".utf8), logProbability: -1.5)])

    @Test func errorsHaveOpenAIsShape() {
        let error = APIError(status: 503, code: .queueFull, param: nil, message: "8 requests wait")
        #expect(
            error.json.text
                == #"{"error":{"message":"8 requests wait","type":"overloaded_error","#
                + #""param":null,"code":"queue_full"}}"#
        )
    }

    @Test(arguments: [
        (400, "invalid_request_error"), (413, "invalid_request_error"), (404, "not_found_error"),
        (500, "server_error"), (503, "overloaded_error"),
    ])
    func typeFollowsStatus(status: Int, type: String) {
        #expect(APIError(status: status, code: .internal, message: "").type == type)
    }

    @Test func codesNeverChange() {
        #expect(
            ErrorCode.allCases.map(\.rawValue) == [
                "malformed_http", "malformed_json", "wrong_type", "out_of_range", "missing_field",
                "unknown_field",
                "unsupported",
                "body_too_large", "unknown_path", "model_not_found", "method_not_allowed", "empty_prompt",
                "context_length_exceeded", "token_out_of_range", "unknown_profile", "no_chat_template",
                "chat_template",
                "queue_full",
                "stopping", "weights", "internal",
            ])
    }

    /// A token that is half a character shows as U+FFFD; its byte stays readable.
    @Test func chatReportsTokens() {
        #expect(
            TokenReport.chatJSON([report]).text == """
                {"content":[{"token":"\u{FFFD}","logprob":-0.25,"bytes":[195],"top_logprobs":\
                [{"token":"a","logprob":-1.5,"bytes":[97]}]}]}
                """)
    }

    /// Among the alternatives stands the token itself, as in OpenAI's answers.
    @Test func completionReportsTokensWithTheirOffsets() {
        #expect(
            TokenReport.completionJSON([report, report], offset: 4).text == """
                {"tokens":["\u{FFFD}","\u{FFFD}"],"token_logprobs":[-0.25,-0.25],\
                "top_logprobs":[{"a":-1.5,"\u{FFFD}":-0.25},{"a":-1.5,"\u{FFFD}":-0.25}],"text_offset":[4,5]}
                """)
    }

    /// The first token follows nothing; here the tokenizer put it in front of the text.
    @Test func firstTokenHasNoProbability() {
        let begin = TokenReport(
            token: .init(bytes: Array("<s>".utf8), logProbability: nil), alternatives: [])
        #expect(
            TokenReport.completionJSON([begin, report], offset: -3).text == """
                {"tokens":["<s>","\u{FFFD}"],"token_logprobs":[null,-0.25],\
                "top_logprobs":[null,{"a":-1.5,"\u{FFFD}":-0.25}],"text_offset":[0,0]}
                """)
    }

    /// Two halves of characters look alike; the first, which is the more probable, keeps the place.
    @Test func alternativesThatLookAlikeKeepTheBest() {
        let twin = TokenReport(
            token: .init(bytes: [0xC3], logProbability: -3),
            alternatives: [
                .init(bytes: [0xC4], logProbability: -1), .init(bytes: [0xC5], logProbability: -2),
            ])
        #expect(
            TokenReport.completionJSON([twin], offset: 0)["top_logprobs"]?.text == "[{\"\u{FFFD}\":-1.0}]")
    }

    /// 11 tokens in 2 s after the first make 5 a second; the 20 prompt tokens in 0.5 s make 40.
    @Test func timingsCountTheStepsBetweenTokens() {
        let timings = Timings(
            promptTokens: 20, promptSeconds: 0.5, completionTokens: 11, completionSeconds: 2)
        #expect(timings.promptTokensPerSecond == 40)
        #expect(timings.completionTokensPerSecond == 5)
        let one = Timings(promptTokens: 0, promptSeconds: 0, completionTokens: 1, completionSeconds: 0)
        #expect(one.promptTokensPerSecond == 0)
        #expect(one.completionTokensPerSecond == 0)
    }

    @Test(arguments: [
        ("max_token", "max_tokens"), ("stpo", "stop"), ("Seed", "seed"), ("temprature", "temperature"),
    ])
    func misspeltWordsAreRecognised(word: String, expected: String) {
        #expect(
            Suggestion.nearest(to: word, among: ["max_tokens", "stop", "seed", "temperature"]) == expected)
    }

    @Test(arguments: ["", "x", "completely_else", String(repeating: "seed", count: 100)])
    func otherWordsAreNot(word: String) {
        #expect(Suggestion.nearest(to: word, among: ["max_tokens", "stop", "seed", "temperature"]) == nil)
    }
}
