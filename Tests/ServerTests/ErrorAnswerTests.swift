import Generation
import Testing
import WireAPI

@testable import Server

/// Every refusal, on the wire: status, stable code, sentence.
@Suite(.timeLimit(.minutes(1))) struct ErrorAnswerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var method = "POST"
        var path = "/v1/completions"
        var body: [UInt8] = []
        var headers = ""
        var status = 400
        var code: String
        var message: String
        var testDescription: String { "\(method) \(path) \(code)" }

        init(
            _ method: String = "POST", _ path: String = "/v1/completions", text: String = "",
            bytes: [UInt8]? = nil,
            headers: String = "", _ status: Int, _ code: String, _ message: String
        ) {
            (self.method, self.path, self.body, self.headers) = (
                method, path, bytes ?? Array(text.utf8), headers
            )
            (self.status, self.code, self.message) = (status, code, message)
        }
    }

    static let cases = [
        Case(
            "GET", "/v2/x?y=1", 404, "unknown_path",
            "/v2/x: no such path; there are GET /health, GET /v1/models, POST /v1/chat/completions, "
                + "POST /v1/completions, GET /tokenizer_info, POST /tokenize, POST /detokenize"),
        Case("GET", "/v1/models/gpt", 404, "model_not_found", "gpt: no such model; loaded is tiny"),
        Case("GET", "/v1/completions", 405, "method_not_allowed", "/v1/completions: answers POST, not GET"),
        Case("DELETE", "/health", 405, "method_not_allowed", "/health: answers GET, not DELETE"),
        Case(text: "", 400, "malformed_json", "the body is empty; send a JSON object"),
        Case(
            text: "{\"prompt\": }", 400, "malformed_json",
            "the body is not JSON: line 1, column 12: expected a JSON value, found '}'"),
        Case(
            bytes: [0x7B, 0xC0, 0x7D], 400, "malformed_json",
            "the body is not JSON: line 1, column 2: byte 0xC0 is not UTF-8"),
        Case(
            bytes: Array(repeating: UInt8(ascii: "["), count: 1 << 20), 400, "malformed_json",
            "the body is not JSON: line 1, column 129: lists and objects are nested more than 128 deep"),
        Case(
            bytes: Array(repeating: UInt8(ascii: "["), count: 10_000_000), 413, "body_too_large",
            "the body: holds 10000000 bytes or more, at most 1048576 are read; "
                + "send less or raise --body-limit"
        ),
        Case(
            "POST", "/v1/chat/completions", text: #"{"messages": [], "max_token": 1}"#, 400, "unknown_field",
            "max_token: no such field; did you mean max_tokens?"),
        Case(
            text: #"{"prompt": "a", "logit_bias": {"256": 1}}"#, headers: "Content-Type: text/plain\r\n", 400,
            "token_out_of_range", "logit_bias: token 256 is outside the vocabulary of 256 tokens"),
        Case(
            text: #"{"prompt": "a", "echo": true, "stream": true}"#, 400, "unsupported",
            "echo: only goes with \"stream\": false"),
        Case(
            text:
                #"{"prompt": ["\#(String(repeating: "a", count: 4095))", "\#(String(repeating: "b", count: 4096))"]}"#,
            400, "out_of_range", "prompt: 2 prompts hold 8193 tokens, 8192 are taken at once; send fewer"),
        Case("POST", "/tokenize", text: "{}", 400, "missing_field", "prompt: missing; expected a string"),
        Case(
            "POST", "/detokenize", text: #"{"tokens": [65, 256]}"#, 400, "token_out_of_range",
            "token 256 is outside the vocabulary of 256 tokens"),
    ]

    @Test(arguments: cases)
    func requestIsRefused(_ expected: Case) async throws {
        try await TestDaemon.running(ScriptedGenerator()) { daemon in
            let answer = try await ask(
                daemon.socket, expected.method, expected.path, body: expected.body, headers: expected.headers)
            #expect(answer.status == expected.status)
            #expect(answer.headers["content-type"] == "application/json")
            let error = try JSONValue(parsing: answer.body)["error"]
            #expect(error?["code"] == .string(expected.code))
            #expect(error?["message"] == .string(expected.message))
        }
    }

    @Test(arguments: [
        (GenerationError.emptyPrompt, 400, "empty_prompt"),
        (.promptTooLong(tokens: 70, limit: 63), 400, "context_length_exceeded"),
        (.tokenOutOfRange(id: 300, vocabularySize: 256), 400, "token_out_of_range"),
        (.unknownProfile(name: "x", known: ["dense"]), 400, "unknown_profile"),
        (.noChatTemplate(model: "tiny"), 400, "no_chat_template"),
        (.chatTemplate(model: "tiny", reason: "no"), 400, "chat_template"),
        (.queueFull(capacity: 8), 503, "queue_full"),
        (.stopping, 503, "stopping"),
        (.weights(reason: "gone"), 500, "weights"),
    ])
    func engineRefusalsHaveTheirStatus(error: GenerationError, status: Int, code: String) async throws {
        try await TestDaemon.running(ScriptedGenerator(refusal: error)) { daemon in
            let body = Array(#"{"prompt": "a", "stream": true}"#.utf8)
            let answer = try await ask(daemon.socket, "POST", "/v1/completions", body: body)
            #expect(answer.status == status)
            #expect(answer.headers["retry-after"] == (status == 503 ? "2" : nil))
            let json = try JSONValue(parsing: answer.body)["error"]
            #expect(json?["code"] == .string(code))
            #expect(json?["message"] == .string(error.description))
        }
    }

    @Test(arguments: [
        "garbage\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 100_000))\r\n\r\n",
    ])
    func otherThanHTTPIsRefusedInTheSameShape(bytes: String) async throws {
        try await TestDaemon.running(ScriptedGenerator()) { daemon in
            let answer = try await RawConnection.open(daemon.socket) { connection in
                try await connection.send(bytes)
                return try await connection.readAll()
            }
            #expect(answer.status == 400)
            let error = try JSONValue(parsing: answer.body)["error"]
            #expect(error?["code"] == "malformed_http")
        }
    }

    @Test func methodIsNamedInAllow() async throws {
        try await TestDaemon.running(ScriptedGenerator()) { daemon in
            let answer = try await ask(daemon.socket, "PUT", "/v1/completions")
            #expect(answer.headers["allow"] == "POST")
        }
    }

    /// A body without an announced length is counted as it comes.
    @Test func chunkedBodyIsBounded() async throws {
        var limits = ServerLimits()
        limits.bodyBytes = 1024
        try await TestDaemon.running(ScriptedGenerator(), limits: limits) { daemon in
            let answer = try await RawConnection.open(daemon.socket) { connection in
                try await connection.send(
                    "POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in 0..<3 {
                    try await connection.send("200\r\n" + String(repeating: "x", count: 512) + "\r\n")
                }
                _ = try await connection.read(until: "body_too_large")
                return RawAnswer(connection.received)
            }
            #expect(answer.status == 413)
            #expect(answer.headers["connection"] == "close")
        }
    }
}
