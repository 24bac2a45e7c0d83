import ChatTemplate
import Generation
import Testing
import WireAPI

@testable import Server

@Suite(.timeLimit(.minutes(1))) struct StreamingTests {
    private let chat = #""messages": [{"role": "user", "content": "hi", "name": "Ann"}]"#

    /// The JSON of the events, and whether the stream ended with `[DONE]`.
    private func events(_ answer: RawAnswer) throws -> (chunks: [JSONValue], done: Bool) {
        let lines = answer.body.split(separator: "\n\n").map { $0.dropFirst("data: ".count) }
        return (try lines.dropLast().map { try JSONValue(parsing: String($0)) }, lines.last == "[DONE]")
    }

    /// Asks, plays the script, and returns the answer.
    private func play(
        _ path: String, _ body: String, _ script: @escaping @Sendable (ScriptedGenerator.Run) -> Void
    ) async throws -> RawAnswer {
        let generator = ScriptedGenerator()
        return try await TestDaemon.running(generator) { daemon in
            async let answer = ask(daemon.socket, "POST", path, body: Array(body.utf8))
            if let run = await generator.runs.next() { script(run) }
            return try await answer
        }
    }

    /// A format and a forced call become the grammar of the generation; an answer without either is free.
    @Test(arguments: [
        ("", false), (#""response_format": {"type": "json_object"}, "#, true),
        (
            #""tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required", "#, true
        ),
    ])
    func formatsReachTheGenerator(fields: String, isConstrained: Bool) async throws {
        let answer = try await play("/v1/chat/completions", "{\(fields)\(chat)}") { run in
            run.start()
            run.say(run.request.grammar == nil ? "free" : "{}")
            run.finish(.stop, tokens: 1)
        }
        let text = try JSONValue(parsing: answer.body)["choices"]?[0]?["message"]?["content"]
        #expect(answer.status == 200 && text == (isConstrained ? "{}" : "free"))
    }

    @Test func chatStreamsRoleTextAndReason() async throws {
        let body = "{\(chat), \"stream\": true, \"stream_options\": {\"include_usage\": true}}"
        let answer = try await play("/v1/chat/completions", body) { run in
            run.start()
            run.say("Hel")
            run.say("")
            run.say("lo\n")
            run.finish(.stop, tokens: 3, trailing: "!")
        }
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "text/event-stream; charset=utf-8")
        let (chunks, done) = try events(answer)
        #expect(done)
        #expect(chunks.map { $0["object"] } == Array(repeating: "chat.completion.chunk", count: 6))
        #expect(Set(chunks.map { $0["id"]?.stringValue }).count == 1)
        let deltas = chunks.prefix(5).map { $0["choices"]?[0]?["delta"]?.text }
        #expect(
            deltas == [
                #"{"role":"assistant","content":""}"#, #"{"content":"Hel"}"#, #"{"content":"lo\n"}"#,
                #"{"content":"!"}"#, "{}",
            ])
        #expect(
            chunks.prefix(5).map { $0["choices"]?[0]?["finish_reason"] } == [
                .null, .null, .null, .null, "stop",
            ])
        #expect(chunks[5]["choices"] == [])
        #expect(
            chunks[5]["usage"]?.text
                == #"{"prompt_tokens":3,"completion_tokens":3,"total_tokens":6,"#
                + #""prompt_tokens_details":{"cached_tokens":1}}"#
        )
        #expect(chunks[4]["timings"]?["predicted_per_second"] == 1.0)
    }

    @Test func chatAnswersWhole() async throws {
        let body = "{\(chat), \"logprobs\": true, \"top_logprobs\": 1}"
        let answer = try await play("/v1/chat/completions", body) { run in
            run.start()
            run.say("A")
            run.finish(.length, tokens: 1)
        }
        let json = try JSONValue(parsing: answer.body)
        #expect(json["object"] == "chat.completion")
        #expect(json["model"] == "tiny")
        #expect(json["id"]?.stringValue?.hasPrefix("chatcmpl-") == true)
        let choice = json["choices"]?[0]
        #expect(choice?["message"]?["content"] == "A")
        #expect(choice?["finish_reason"] == "length")
        #expect(
            choice?["logprobs"]?.text == """
                {"content":[{"token":"A","logprob":-0.5,"bytes":[65],"top_logprobs":\
                [{"token":"B","logprob":-1.5,"bytes":[66]}]}]}
                """)
        #expect(json["usage"]?["total_tokens"] == 4)
    }

    @Test func whatIsThoughtIsAMemberOfItsOwn() async throws {
        @Sendable func script(_ run: ScriptedGenerator.Run) {
            run.start()
            run.say("<think>\nTwo and")
            run.say(" two.\n</think>\n")
            run.say("\nFour")
            run.finish(.stop, tokens: 3, trailing: ".")
        }
        let whole = try await play("/v1/chat/completions", "{\(chat)}", script)
        let message = try JSONValue(parsing: whole.body)["choices"]?[0]?["message"]
        #expect(message?["reasoning_content"] == "Two and two." && message?["content"] == "Four.")
        let stream = try await play("/v1/chat/completions", "{\(chat), \"stream\": true}", script)
        let deltas = try events(stream).chunks.map { $0["choices"]?[0]?["delta"]?.text }
        #expect(
            deltas == [
                #"{"role":"assistant","content":""}"#, #"{"reasoning_content":"Two and"}"#,
                #"{"reasoning_content":" two."}"#, #"{"content":"Four"}"#, #"{"content":"."}"#, "{}",
            ])
        // A continuation is text.
        let plain = try await play("/v1/completions", #"{"prompt": "a"}"#, script)
        #expect(plain.body.contains("<think>"))
    }

    private let tools = #""tools": [{"type": "function", "function": {"name": "add"}}]"#

    @Test func callsOfToolsAreMembersOfTheAnswer() async throws {
        func message(_ body: String) async throws -> JSONValue? {
            let answer = try await play("/v1/chat/completions", body) { run in
                run.start()
                run.say("Well.\n<tool_call>")
                run.say("{\"name\": \"add\", \"arguments\": {\"a\": 3}}</tool")
                run.finish(.stop, tokens: 3, trailing: "_call>")
            }
            return try JSONValue(parsing: answer.body)["choices"]?[0]
        }
        let choice = try await message("{\(chat), \(tools)}")
        #expect(choice?["finish_reason"] == "tool_calls")
        #expect(choice?["message"]?["content"] == "Well.")
        let call = choice?["message"]?["tool_calls"]?[0]
        #expect(call?["type"] == "function")
        #expect(call?["id"]?.stringValue?.hasPrefix("call-chatcmpl-") == true)
        #expect(call?["function"]?.text == #"{"name":"add","arguments":"{\"a\":3}"}"#)

        let plain = try await message("{\(chat)}")
        #expect(plain?["finish_reason"] == "stop")
        #expect(plain?["message"]?["tool_calls"] == nil)
        #expect(plain?["message"]?["content"]?.stringValue?.hasSuffix("</tool_call>") == true)
    }

    @Test func callsOfToolsAreStreamedWhole() async throws {
        let answer = try await play("/v1/chat/completions", "{\(chat), \(tools), \"stream\": true}") { run in
            run.start()
            for text in ["<tool", "_call>", "{\"name\": \"add\"}", "</tool_call>", "\n", "Yes"] {
                run.say(text)
            }
            run.finish(.stop, tokens: 6)
        }
        let (chunks, done) = try events(answer)
        #expect(done)
        let choices = chunks.map { $0["choices"]?[0] }
        let call = choices[1]?["delta"]?["tool_calls"]?[0]
        #expect(call?["index"] == 0)
        #expect(call?["function"]?.text == #"{"name":"add","arguments":"{}"}"#)
        #expect(choices.map { $0?["delta"]?["content"] } == ["", nil, "\nYes", nil])
        #expect(choices.last??["finish_reason"] == "tool_calls")
    }

    /// Every token is reported, also one whose text is held back.
    @Test func probabilitiesOfACallAreStreamed() async throws {
        let body = "{\(chat), \(tools), \"stream\": true, \"logprobs\": true}"
        let answer = try await play("/v1/chat/completions", body) { run in
            run.start()
            for text in ["{", "\"name\"", ": \"add\"}"] { run.say(text) }
            run.finish(.stop, tokens: 3)
        }
        let choices = try events(answer).chunks.map { $0["choices"]?[0] }
        #expect(choices.count { $0?["logprobs"]?["content"]?[0]?["token"] == "A" } == 3)
        #expect(choices[4]?["delta"]?["tool_calls"]?[0]?["function"]?["name"] == "add")
    }

    @Test func completionStreamsTextWithOffsets() async throws {
        let body = #"{"prompt": "ab", "stream": true, "logprobs": 0}"#
        let answer = try await play("/v1/completions", body) { run in
            #expect(run.request.maxTokens == CompletionRequest.defaultMaxTokens)
            #expect(run.request.prompt == [1, 97, 98])
            run.start()
            run.say("A")
            run.say("A")
            run.finish(.stop, tokens: 2)
        }
        let (chunks, done) = try events(answer)
        #expect(done)
        #expect(chunks.map { $0["choices"]?[0]?["text"] } == ["A", "A", ""])
        #expect(chunks.prefix(2).map { $0["choices"]?[0]?["logprobs"]?["text_offset"] } == [[0], [1]])
    }

    /// After the head is sent, an error can only come as an event; clients look for its `error` member.
    @Test func errorInTheMiddleIsAnEvent() async throws {
        let answer = try await play("/v1/completions", #"{"prompt": "ab", "stream": true}"#) { run in
            run.start()
            run.say("A")
            run.fail(.weights(reason: "block 3 is damaged"))
        }
        let (chunks, done) = try events(answer)
        #expect(done)
        #expect(chunks.last?["error"]?["message"] == "block 3 is damaged")
        #expect(chunks.last?["error"]?["code"] == "weights")
    }

    @Test func errorBeforeTheFirstEventHasItsStatus() async throws {
        let answer = try await play("/v1/completions", #"{"prompt": "ab", "stream": true}"#) {
            $0.fail(.stopping)
        }
        #expect(answer.status == 503)
    }

    @Test func connectionIsReused() async throws {
        let generator = ScriptedGenerator()
        try await TestDaemon.running(generator) { daemon in
            try await RawConnection.open(daemon.socket) { connection in
                for count in 1...3 {
                    try await connection.send(
                        "POST", "/v1/completions", body: Array(#"{"prompt": "a"}"#.utf8))
                    await generator.runs.next()?.finish(.stop, tokens: 0, trailing: "answer \(count)")
                    #expect(try await connection.read(until: "answer \(count)"))
                }
            }
        }
    }

    @Test func optionsReachTheEngine() async throws {
        let body = """
            {"prompt": [5, 6], "temperature": 0.5, "top_k": 4, "top_p": 0.5, "min_p": 0.25, "seed": -1,
             "max_tokens": 9,
             "stop": "x", "repeat_penalty": 1.5, "frequency_penalty": 0.5, "presence_penalty": -0.5,
             "logit_bias": {"7": -100}, "ignore_eos": true, "logprobs": 2, "sparsity": "fast"}
            """
        _ = try await play("/v1/completions", body) { run in
            var sampling = SamplingOptions()
            (sampling.temperature, sampling.topK, sampling.topP, sampling.minP) = (0.5, 4, 0.5, 0.25)
            (sampling.repetitionPenalty, sampling.frequencyPenalty, sampling.presencePenalty) = (
                1.5, 0.5, -0.5
            )
            (sampling.seed, sampling.logitBias) = (.max, [7: -100])
            #expect(
                run.request
                    == GenerationRequest(
                        prompt: [5, 6], sampling: sampling, stop: ["x"], maxTokens: 9,
                        ignoreEndOfGeneration: true,
                        logProbabilities: 2, sparsity: "fast"))
            run.finish(.stop, tokens: 0)
        }
    }

    @Test func conversationReachesTheTemplate() async throws {
        let generator = ScriptedGenerator()
        try await TestDaemon.running(generator) { daemon in
            let body =
                "{\(chat), "
                + #""tools": [{"b": null, "a": 1.5}], "chat_template_kwargs": {"think": false}}"#
            async let answer = ask(daemon.socket, "POST", "/v1/chat/completions", body: Array(body.utf8))
            await generator.runs.next()?.finish(.stop, tokens: 0)
            _ = try await answer
            var message = OrderedObject()
            message["role"] = .string("user")
            message["content"] = .string("hi")
            message["name"] = .string("Ann")
            var tool = OrderedObject()
            tool["b"] = TemplateValue.none
            tool["a"] = .double(1.5)
            #expect(
                generator.conversation
                    == Conversation(
                        messages: [.object(message)], tools: [.object(tool)], extra: ["think": .bool(false)]))
        }
    }

    /// A template that writes the begin token itself does not get a second one.
    @Test(arguments: [true, false])
    func beginTokenStandsOnce(templateWritesBegin: Bool) async throws {
        let generator = ScriptedGenerator(templateWritesBegin: templateWritesBegin)
        try await TestDaemon.running(generator) { daemon in
            async let answer = ask(
                daemon.socket, "POST", "/v1/chat/completions", body: Array("{\(chat)}".utf8))
            let run = await generator.runs.next()
            #expect(run?.request.prompt == [1, 104, 105])
            run?.finish(.stop, tokens: 0)
            _ = try await answer
        }
    }

    @Test func modelsAndHealthDescribeTheEngine() async throws {
        try await TestDaemon.running(ScriptedGenerator()) { daemon in
            let models = try JSONValue(parsing: try await ask(daemon.socket, "GET", "/v1/models").body)
            #expect(models["data"]?[0]?["id"] == "tiny")
            #expect(models["data"]?[0]?["created"] == 7)
            #expect(models["data"]?[0]?["sparsity"] == ["dense", "fast"])
            let model = try JSONValue(parsing: try await ask(daemon.socket, "GET", "/v1/models/tiny").body)
            #expect(model == models["data"]?[0])
            let health = try JSONValue(parsing: try await ask(daemon.socket, "GET", "/health").body)
            #expect(health["status"] == "ok")
            #expect(health["activity"] == "idle")
            #expect(health["queue"] == ["waiting": 0, "capacity": 8])
            #expect(health["served"]?["generated_tokens"] == 5)
            #expect(
                health["decoding"] == [
                    "steps": 4, "seconds": 2.5, "weight_bytes": 60, "all_weight_bytes": 80,
                ])
            #expect(health["uptime_seconds"] == 12.346)
            #expect(health["resident_bytes"]?.intValue ?? 0 > 0)
            #expect(health["memory"] == nil)
            #expect(health["kernels"] == "scalar")
        }
    }
}
