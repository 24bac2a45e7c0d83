import Decoder
import Grammar
import Importing
import Kernels
import Machine
import Support
import Tensors
import Testing
import Tokenizer
import WeightStore

@testable import Generation

/// The engine over a small random model; token 2 ends a text.
@Suite(.timeLimit(.minutes(1))) struct EngineTests {
    /// - Parameter hasPlan: whether the profile that the model lists leaves anything out.
    private func withEngine<R>(
        hasPlan: Bool = false, _ body: (Engine, Decoder) async throws -> R
    ) async throws -> R {
        try await withTemporaryDirectory { folder in
            try SmallModel(.q8_0).write(to: "\(folder)/m.gguf")
            _ = try await Importer.run(
                source: "\(folder)/m.gguf", target: "\(folder)/m.chess", compression: .none,
                overwrite: false, threads: 1, importer: "test", progress: { _ in })
            let store = try WeightStore(path: "\(folder)/m.chess", threads: 1)
            func decoder() throws -> Decoder {
                try Decoder(store: store, kernels: .best, context: 64, threads: 2)
            }
            let model = ModelDescription(
                name: "m", architecture: "llama", parameterCount: 1, contextLength: 64, vocabularySize: 40,
                created: 0, weightBytes: 1, profiles: ["fast"])
            let own = try decoder()
            // No hidden channel ever passes.
            let plan = own.plan { site, _ in site == .channels ? .init(limits: [1e30]) : nil }
            let engine = Engine(
                own, tokenizer: try Tokenizer(store.vocabulary()), template: nil, model: model,
                sparsity: hasPlan ? SparsityPlans([("fast", plan)]) : SparsityPlans(), queueCapacity: 1)
            return try await body(engine, try decoder())
        }
    }

    private func events(_ engine: Engine, _ requests: [GenerationRequest]) async throws -> [GenerationEvent] {
        var events: [GenerationEvent] = []
        for try await event in try engine.generate(requests) { events.append(event) }
        return events
    }

    /// Four tokens behind one prompt: how much of it was reused, and what they had for probabilities.
    private typealias Answer = (cached: Int, probabilities: [Float?])

    private func answer(_ engine: Engine, _ sparsity: String?) async throws -> Answer {
        var request = GenerationRequest(
            prompt: [3, 17, 8, 8], sampling: .greedy, maxTokens: 4, logProbabilities: 0)
        request.sparsity = sparsity
        request.ignoreEndOfGeneration = true
        var (cached, probabilities) = (-1, [Float?]())
        for event in try await events(engine, [request]) {
            if case .started(_, let count) = event { cached = count }
            if case .token(let token) = event { probabilities.append(token.logProbability) }
        }
        return (cached, probabilities)
    }

    private func scoring(
        _ prompt: [TokenID], maxTokens: Int, bias: [TokenID: Float] = [:]
    ) -> GenerationRequest {
        var sampling = SamplingOptions.greedy
        sampling.logitBias = bias
        return GenerationRequest(
            prompt: prompt, sampling: sampling, maxTokens: maxTokens, logProbabilities: 2, echo: true)
    }

    /// A profile changes an answer, `dense` brings it back, and neither goes on with the other's cache.
    @Test func profilesAreChosenByTheRequest() async throws {
        try await withEngine(hasPlan: true) { engine, _ in
            func answer(_ sparsity: String?) async throws -> Answer {
                try await self.answer(engine, sparsity)
            }
            let dense = try await answer("dense")
            let sparse = try await answer("fast")
            let byDefault = try await answer(nil)
            let again = try await answer("dense")
            #expect(dense.probabilities.count == 4)
            // The first token comes from the prompt, which is dense for both.
            #expect(sparse.probabilities.first == dense.probabilities.first)
            #expect(sparse.probabilities != dense.probabilities)
            #expect(byDefault.probabilities == sparse.probabilities)
            #expect(again.probabilities == dense.probabilities)
            #expect([dense.cached, sparse.cached, byDefault.cached, again.cached] == [0, 0, 3, 0])
        }
    }

    /// Of five tokens the prompt makes the first; the others are steps, which `fast` does without any hidden channel.
    @Test func statusSumsStepsAndTheirWeights() async throws {
        try await withEngine(hasPlan: true) { engine, decoder in
            var request = GenerationRequest(prompt: [3, 17, 8], sampling: .greedy, maxTokens: 5)
            request.ignoreEndOfGeneration = true
            request.sparsity = "dense"
            // Whose logits are all computed.
            request.logProbabilities = 0
            _ = try await events(engine, [request])
            let dense = engine.status()
            let bytes = decoder.weights.bytesPerToken
            #expect(dense.generatedTokens == 5)
            #expect(dense.decoding.steps == 4)
            #expect(dense.decoding.weightBytes == 4 * bytes)
            #expect(dense.decoding.allWeightBytes == 4 * bytes)
            #expect(dense.decoding.seconds > 0)
            request.sparsity = "fast"
            _ = try await events(engine, [request])
            let both = engine.status()
            // 160 hidden channels in the one layer.
            let leftOut = 160 * decoder.weights.channelBytes(.channels, 0)
            #expect(both.generatedTokens == 10)
            #expect(both.decoding.steps == 8)
            #expect(both.decoding.weightBytes == 8 * bytes - 4 * leftOut)
            #expect(both.decoding.allWeightBytes == 8 * bytes)
            #expect(both.decoding.seconds > dense.decoding.seconds && both.uptime > both.decoding.seconds)
        }
    }

    /// Whether a look falls between two tokens is chance; one of many does.
    @Test func statusMovesWhileARequestRuns() async throws {
        try await withEngine { engine, _ in
            var request = GenerationRequest(prompt: [3, 17, 8], sampling: .greedy, maxTokens: 60)
            request.ignoreEndOfGeneration = true
            var hasMoved = false
            for round in 0..<50 where !hasMoved {
                for try await _ in try engine.generate([request]) {
                    let status = engine.status()
                    let current = status.generatedTokens - 60 * round
                    if status.requestsServed == round, current > 0 { hasMoved = true }
                }
            }
            #expect(hasMoved)
        }
    }

    /// Profiles read anew under the same name: what the old ones computed is not gone on with.
    @Test func changedProfilesDoNotShareTheCache() async throws {
        try await withEngine(hasPlan: true) { engine, decoder in
            let sparse = try await answer(engine, "fast")
            let mild = decoder.plan { site, _ in site == .channels ? .init(limits: [1e-30]) : nil }
            let changed = engine.changed(
                model: engine.model, sparsity: SparsityPlans([("fast", mild)]), queueCapacity: 5)
            let again = try await answer(changed, "fast")
            #expect(again.cached == 0 && again.probabilities != sparse.probabilities)
            #expect(changed.status().queueCapacity == 5)
            // Both are the same decoder: dense answers of the one serve the other.
            _ = try await answer(engine, "dense")
            #expect(try await answer(changed, "dense").cached == 3)
        }
    }

    /// Another copy of the weights serves from the next request on, and goes on with what is cached.
    @Test func weightsAreExchangedBetweenRequests() async throws {
        try await withEngine { engine, decoder in
            let before = try await answer(engine, nil)
            let used = await engine.take(decoder.weights)
            #expect(used !== decoder && used.weights.layers[0] === decoder.weights.layers[0])
            let after = try await answer(engine, nil)
            #expect(after.cached == 3)
            #expect(after.probabilities == before.probabilities)
        }
    }

    /// Against the logits of single steps, normalised here.
    @Test func promptTokensHaveTheirProbabilities() async throws {
        try await withEngine { engine, decoder in
            let prompt: [TokenID] = [3, 17, 8, 8, 30]
            let events = try await events(engine, [scoring(prompt, maxTokens: 0)])
            #expect(events.first == .started(promptTokens: 5, cachedTokens: 0))
            guard events.count == 3, case .prompt(let tokens) = events[1],
                case .finished(let summary) = events[2]
            else {
                Issue.record("\(events)")
                return
            }
            #expect(summary.reason == .length && summary.completionTokens == 0)
            #expect(tokens.map(\.id) == prompt)
            #expect(tokens[0].logProbability == nil && tokens[0].alternatives.isEmpty)
            #expect(tokens[1].bytes == Array("t17".utf8))
            for position in 1..<prompt.count {
                decoder.step(prompt[position - 1], at: position - 1)
                let logits = decoder.logits
                let values = logits.buffer.elements(logits.start..<logits.start + logits.count)
                let normaliser = Float(decoder.kernels.logSumExp(logits))
                let token = tokens[position]
                // The int8 sums of steps and batches are rounded in another order.
                let difference = abs(
                    (token.logProbability ?? 1) - (values[Int(prompt[position])] - normaliser))
                #expect(difference < 0.05, "position \(position)")
                #expect(token.alternatives.count == 2)
                #expect(token.alternatives[0].logProbability >= token.alternatives[1].logProbability)
                #expect(token.alternatives[0].logProbability >= token.logProbability ?? 1)
            }
        }
    }

    /// Whoever scores a text drops the generated token; without it the text's last token would be lost.
    @Test func theEndTokenIsReportedWhenScoring() async throws {
        try await withEngine { engine, _ in
            let events = try await events(engine, [scoring([3, 17], maxTokens: 1, bias: [2: 1000])])
            guard events.count == 4, case .token(let token) = events[2],
                case .finished(let summary) = events[3]
            else {
                Issue.record("\(events)")
                return
            }
            #expect(token.id == 2 && token.text == "" && token.logProbability != nil)
            #expect(summary.reason == .stop && summary.completionTokens == 1)
        }
    }

    /// The second scoring of the same prompt reuses nothing, since it needs every position; plain ones do.
    @Test func severalRequestsRunInTheirOrder() async throws {
        try await withEngine { engine, _ in
            let plain = GenerationRequest(prompt: [3, 17, 8], sampling: .greedy, maxTokens: 1)
            let requests = [
                scoring([3, 17, 8], maxTokens: 0), scoring([3, 17, 8], maxTokens: 0), plain, plain,
            ]
            let started = try await events(engine, requests).compactMap { event in
                if case .started(_, let cached) = event { cached } else { nil }
            }
            #expect(started == [0, 0, 2, 2])
            #expect(engine.status().requestsServed == 4)
        }
    }

    /// Tokens are spelled `t` and their number.
    private func constrained(
        _ expression: GrammarExpression, bias: [TokenID: Float] = [:]
    ) async throws -> (ids: [TokenID], text: String, reason: FinishReason?) {
        try await withEngine { engine, _ in
            var sampling = SamplingOptions.greedy
            sampling.logitBias = bias
            let request = GenerationRequest(
                prompt: [3, 17], sampling: sampling, maxTokens: 6, grammar: try Grammar(expression))
            var (ids, text, reason): ([TokenID], String, FinishReason?) = ([], "", nil)
            for event in try await events(engine, [request]) {
                if case .token(let token) = event {
                    ids.append(token.id)
                    text += token.text
                }
                if case .finished(let summary) = event {
                    text += summary.trailingText
                    reason = summary.reason
                }
            }
            return (ids, text, reason)
        }
    }

    @Test func answersKeepToTheirGrammar() async throws {
        let middle = GrammarExpression.oneOf(["t12", "t7", "t39"].map { Array($0.utf8) })
        let answer = try await constrained(.sequence([.text("t3"), middle, .text("t1")]))
        #expect(answer.ids.count == 3 && answer.ids.first == 3 && answer.ids.last == 1)
        #expect(["t3t12t1", "t3t7t1", "t3t39t1"].contains(answer.text))
        // Nothing may follow, so the model need not say that it is done.
        #expect(answer.reason == .stop)
    }

    @Test func theModelEndsWhatMayGoOn() async throws {
        let repeated = GrammarExpression.repeated(.text("t5"), atLeast: 2, atMost: nil)
        let ended = try await constrained(repeated, bias: [2: 1000])
        #expect(ended.text == "t5t5" && ended.reason == .stop)
        let full = try await constrained(repeated, bias: [2: -1000])
        #expect(full.text == "t5t5t5t5t5t5" && full.reason == .length)
    }

    @Test func whatTheVocabularyCannotSayIsCutShort() async throws {
        let answer = try await constrained(.sequence([.text("t4"), .text("x")]))
        #expect(answer.ids == [4] && answer.text == "t4" && answer.reason == .length)
    }

    @Test(arguments: [nil, "dense", "fast"] as [String?])
    func knownProfilesAreTaken(name: String?) async throws {
        try await withEngine { engine, _ in
            let request = GenerationRequest(prompt: [3], maxTokens: 1, sparsity: name)
            let events = try await events(engine, [request])
            #expect(!events.isEmpty)
        }
    }

    @Test func refusalsOfAnyRequestRefuseAll() async throws {
        try await withEngine { engine, _ in
            let good = GenerationRequest(prompt: [3], maxTokens: 1)
            func refusal(_ request: GenerationRequest) -> GenerationError? {
                do throws(GenerationError) {
                    _ = try engine.generate([good, request])
                    return nil
                } catch {
                    return error
                }
            }
            #expect(refusal(GenerationRequest(prompt: [])) == .emptyPrompt)
            #expect(
                refusal(GenerationRequest(prompt: [3, 40])) == .tokenOutOfRange(id: 40, vocabularySize: 40))
            #expect(
                refusal(GenerationRequest(prompt: Array(repeating: 3, count: 64)))
                    == .promptTooLong(tokens: 64, limit: 63))
            #expect(
                refusal(GenerationRequest(prompt: [3], sparsity: "slow"))
                    == .unknownProfile(name: "slow", known: ["dense", "fast"]))
            #expect(engine.status().requestsServed == 0)
        }
    }
}
