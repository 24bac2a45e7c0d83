import ChatTemplate
import Foundation
import Importing
import Kernels
import Machine
import Support
import Testing
import Tokenizer
import WeightStore

@testable import Decoder

/// Real models against llama.cpp's own outputs.
///
/// `CHESSD_TEST_MODEL` and `CHESSD_TEST_QWEN` name the GGUF files; `make test` sets the first one.
@Suite(.serialized) struct ReferenceTests {
    struct Model: Sendable, CustomTestStringConvertible {
        var variable: String
        var golden: String
        var testDescription: String { golden }
        var path: String? { ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 } }
    }

    static let models = [
        Model(variable: "CHESSD_TEST_MODEL", golden: "smollm2-135m-instruct-q4_1"),
        Model(variable: "CHESSD_TEST_QWEN", golden: "qwen2.5-coder-1.5b-instruct-q4_k_m"),
    ].filter { $0.path != nil }

    private func withStore(_ model: Model, _ body: (WeightStore, Reference) throws -> Void) async throws {
        let source = try #require(model.path)
        let folder = try #require(Bundle.module.resourceURL).appending(path: "Golden").path
        let reference = try Reference.load(model.golden, from: folder)
        try await withTemporaryDirectory { folder in
            let target = "\(folder)/model.chess"
            _ = try await Importer.run(
                source: source, target: target, compression: .none, overwrite: false, threads: 2,
                importer: "test", progress: { _ in })
            try body(try WeightStore(path: target, threads: 2), reference)
        }
    }

    @Test(.enabled(if: !models.isEmpty, "no model: set CHESSD_TEST_MODEL"), arguments: models)
    func textsBecomeTheSameTokens(model: Model) async throws {
        try await withStore(model) { store, reference in
            let tokenizer = try Tokenizer(store.vocabulary())
            for item in reference.tokenize {
                #expect(
                    tokenizer.encode(item.text, addSpecial: true, parseSpecial: true) == item.ids,
                    "\(item.text)")
            }
            for item in reference.completions {
                #expect(tokenizer.encode(item.prompt, addSpecial: true, parseSpecial: true) == item.promptIDs)
            }
            let template = try ChatTemplate(source: try #require(store.chatTemplate))
            for item in reference.chat {
                let messages = item.messages.map { message in
                    var object = OrderedObject()
                    for key in ["role", "content"] { object[key] = .string(message[key] ?? "") }
                    return TemplateValue.object(object)
                }
                let rendered = try template.render(
                    messages: messages, addGenerationPrompt: true, bosToken: "", eosToken: "", tools: nil,
                    extra: [:])
                #expect(rendered == item.prompt)
            }
        }
    }

    /// Why the bounds are what they are: `Golden/README.md`.
    @Test(.enabled(if: !models.isEmpty, "no model: set CHESSD_TEST_MODEL"), arguments: models)
    func everyKernelSetFollowsLlamaCpp(model: Model) async throws {
        try await withStore(model) { store, reference in
            for kernels in KernelSet.available {
                let decoder = try Decoder(store: store, kernels: kernels, context: 256, threads: 2)
                let isSlow = kernels.name == "scalar"
                var differences: [Float] = []
                for item in reference.completions.prefix(isSlow ? 2 : 8) {
                    differences += compare(decoder, item, steps: isSlow ? 6 : 32)
                }
                let mean = differences.reduce(0, +) / Float(differences.count)
                #expect(mean < 0.08, "\(kernels.name)")
                #expect(differences.allSatisfy { $0 < 0.6 }, "\(kernels.name): \(differences.max() ?? 0)")
            }
        }
    }

    /// Differences of the top log-probability, step by step along llama.cpp's own text, up to a near-tie.
    private func compare(_ decoder: Decoder, _ item: Reference.Completion, steps: Int) -> [Float] {
        var differences: [Float] = []
        _ = decoder.prefill(item.promptIDs, at: 0)
        for (index, alternatives) in item.steps.prefix(steps).enumerated() {
            let gap = alternatives[0].logProbability - alternatives[1].logProbability
            let logits = decoder.logits
            let normaliser = Float(decoder.kernels.logSumExp(logits))
            let own = logits.buffer[Int(alternatives[0].id)] - normaliser
            differences.append(abs(own - alternatives[0].logProbability))
            if gap > 0.5 {
                #expect(
                    Int32(decoder.kernels.argmax(logits)) == item.ids[index], "\(item.prompt), step \(index)")
            }
            decoder.step(item.ids[index], at: item.promptIDs.count + index)
        }
        return differences
    }

    /// Rows that are left out because of their bounds change no greedy answer.
    @Test(.enabled(if: !models.isEmpty, "no model: set CHESSD_TEST_MODEL"), arguments: models)
    func boundsChooseTheSameTokens(model: Model) async throws {
        try await withStore(model) { store, reference in
            for kernels in KernelSet.available where kernels.name != "scalar" {
                let decoder = try Decoder(store: store, kernels: kernels, context: 256, threads: 2)
                #expect(decoder.weights.headBounds != nil)
                var computed = 0
                for item in reference.completions.prefix(4) {
                    _ = decoder.prefill(item.promptIDs, at: 0)
                    for (index, token) in item.ids.prefix(16).enumerated() {
                        let position = item.promptIDs.count + index
                        decoder.step(token, at: position)
                        let exact = decoder.logits.buffer.elements(0..<decoder.logits.count)
                        let best = decoder.kernels.argmax(decoder.logits)
                        decoder.step(token, at: position, reach: 0)
                        #expect(decoder.kernels.argmax(decoder.logits) == best, "\(item.prompt), \(index)")
                        let bounded = decoder.logits.buffer.elements(0..<decoder.logits.count)
                        #expect(zip(bounded, exact).allSatisfy { $0 >= $1 })
                        computed += zip(bounded, exact).count { $0 == $1 }
                    }
                }
                #expect(computed < 64 * decoder.logits.count / 8, "\(computed)")
            }
        }
    }
}
