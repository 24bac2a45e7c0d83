import Generation
import Testing
import WireAPI

@testable import Server

/// What lm-evaluation-harness asks for: the prompt back with its log-probabilities, several prompts, token counts.
@Suite(.timeLimit(.minutes(1))) struct ScoringTests {
    /// Asks, plays the script, and returns the answer.
    private func play(
        _ body: String, _ script: @escaping @Sendable (ScriptedGenerator.Run) -> Void
    ) async throws -> JSONValue {
        let generator = ScriptedGenerator()
        return try await TestDaemon.running(generator) { daemon in
            async let answer = ask(daemon.socket, "POST", "/v1/completions", body: Array(body.utf8))
            if let run = await generator.runs.next() { script(run) }
            return try JSONValue(parsing: try await answer.body)
        }
    }

    /// The begin token is not in the text: it stands at offset 0 and takes no room there.
    @Test func echoReportsThePromptThenTheAnswer() async throws {
        let body = #"{"prompt": "ab", "echo": true, "logprobs": 1, "max_tokens": 1}"#
        let json = try await play(body) { run in
            #expect(run.request.scoresPrompt)
            #expect(run.request.maxTokens == 1)
            run.start()
            run.echo()
            run.say("A")
            run.finish(.length, tokens: 1)
        }
        let choice = json["choices"]?[0]
        #expect(choice?["text"] == "abA")
        #expect(
            choice?["logprobs"]?.text == """
                {"tokens":["^","a","b","A"],"token_logprobs":[null,-0.25,-0.5,-0.5],\
                "top_logprobs":[null,{"B":-0.125,"a":-0.25},{"B":-0.125,"b":-0.5},{"B":-1.5,"A":-0.5}],\
                "text_offset":[0,0,1,2]}
                """)
        #expect(json["usage"]?["total_tokens"] == 4)
    }

    /// Token ids are spelled, control tokens among them.
    @Test func echoOfTokensIsTheirText() async throws {
        let body = #"{"prompt": [97, 1, 98], "echo": true, "logprobs": 0, "max_tokens": 0}"#
        let json = try await play(body) { run in
            #expect(run.request.maxTokens == 0)
            run.start()
            run.echo()
            run.finish(.length, tokens: 0)
        }
        let choice = json["choices"]?[0]
        #expect(choice?["text"] == "a^b")
        #expect(choice?["logprobs"]?["tokens"] == ["a", "^", "b"])
        #expect(choice?["logprobs"]?["text_offset"] == [0, 1, 2])
        #expect(choice?["finish_reason"] == "length")
    }

    @Test func echoAloneHasNoReports() async throws {
        let json = try await play(#"{"prompt": "ab", "echo": true}"#) { run in
            run.start()
            run.echo()
            run.say("A")
            run.finish(.stop, tokens: 1, trailing: "!")
        }
        #expect(json["choices"]?[0]?["text"] == "abA!")
        #expect(json["choices"]?[0]?["logprobs"] == .null)
    }

    /// Two prompts of 2 tokens each, 1 of them reused; 3 and 1 tokens of answer in 2 s each.
    @Test func severalPromptsAreChoicesInTheirOrder() async throws {
        let body = #"{"prompt": ["a", [98, 99]], "echo": true, "logprobs": 1}"#
        let json = try await play(body) { run in
            #expect(run.requests.map(\.prompt) == [[1, 97], [98, 99]])
            for (index, count) in [3, 1].enumerated() {
                run.start()
                run.echo(index)
                for _ in 0..<count { run.say("A") }
                run.finish(index == 0 ? .stop : .length, tokens: count, of: index)
            }
        }
        let choices = [json["choices"]?[0], json["choices"]?[1]]
        #expect(choices.map { $0?["index"] } == [0, 1])
        #expect(choices.map { $0?["text"] } == ["aAAA", "bcA"])
        #expect(choices.map { $0?["finish_reason"] } == ["stop", "length"])
        #expect(choices.map { $0?["logprobs"]?["text_offset"] } == [[0, 0, 1, 2, 3], [0, 1, 2]])
        #expect(json["choices"]?[2] == nil)
        #expect(
            json["usage"]?.text
                == #"{"prompt_tokens":4,"completion_tokens":4,"total_tokens":8,"#
                + #""prompt_tokens_details":{"cached_tokens":2}}"#)
        #expect(json["timings"]?["predicted_ms"] == 4000.0)
    }

    @Test func leavingBetweenPromptsDropsTheRest() async throws {
        let generator = ScriptedGenerator()
        try await TestDaemon.running(generator) { daemon in
            try await RawConnection.open(daemon.socket) { connection in
                let body = Array(#"{"prompt": ["a", "b"]}"#.utf8)
                try await connection.send("POST", "/v1/completions", body: body)
                await generator.runs.next()?.finish(.stop, tokens: 1, of: 0)
            }
            #expect(await generator.dropped.next() != nil)
        }
    }

    /// A character in two tokens counts once; parts of characters that look alike keep the most probable one.
    @Test func offsetsCountCharacters() async throws {
        let json = try await play(#"{"prompt": [195, 169, 98], "echo": true, "logprobs": 1}"#) { run in
            run.echo()
            run.finish(.length, tokens: 0)
        }
        let choice = json["choices"]?[0]
        #expect(choice?["text"] == "éb")
        #expect(choice?["logprobs"]?["text_offset"] == [0, 1, 1])
    }

    @Test(arguments: [
        (
            "GET", "/tokenizer_info", "",
            #"{"model":"tiny","vocabulary_size":256,"bos_token":"^","eos_token":null}"#
        ),
        ("POST", "/tokenize", #"{"prompt": "a^"}"#, #"{"count":3,"max_model_len":64,"tokens":[1,97,1]}"#),
        (
            "POST", "/tokenize", #"{"prompt": "", "add_special_tokens": false}"#,
            #"{"count":0,"max_model_len":64,"tokens":[]}"#
        ),
        ("POST", "/detokenize", #"{"tokens": [97, 1, 98]}"#, #"{"prompt":"a^b"}"#),
    ])
    func textBecomesTokensAndBack(method: String, path: String, body: String, expected: String) async throws {
        try await TestDaemon.running(ScriptedGenerator()) { daemon in
            let answer = try await ask(daemon.socket, method, path, body: Array(body.utf8))
            #expect(answer.status == 200)
            #expect(answer.body == expected + "\n")
        }
    }
}
