import Decoder
import Foundation
import Importing
import Kernels
import Support
import Tensors
import Testing
import Tokenizer
import WeightStore

@testable import Calibration

/// Calibration of a small random model, from a text file to a profile and its evaluation.
@Suite struct CalibratorTests {
    private struct Bench {
        let folder: String
        let store: WeightStore
        let decoder: Decoder
        let tokenizer: Tokenizer

        func corpus(_ text: [UInt8], tokens: Int = 512, window: Int = 64) throws -> Corpus {
            let path = "\(folder)/text.txt"
            try write(text, to: path)
            return try Corpus(path: path, tokenizer: tokenizer, tokens: tokens, window: window)
        }
    }

    private func withModel(_ body: (Bench) throws -> Void) async throws {
        try await withTemporaryDirectory { folder in
            var model = SmallModel(.q4_1, layers: 2)
            model.set("tokenizer.ggml.tokens", .strings(Self.tokens))
            model.set("tokenizer.ggml.token_type", .int32s([Int32](repeating: 1, count: Self.tokens.count)))
            model.set("tokenizer.ggml.merges", .strings(["a b"]))
            try model.write(to: "\(folder)/m.gguf")
            _ = try await Importer.run(
                source: "\(folder)/m.gguf", target: "\(folder)/m.chess", compression: .none,
                overwrite: false, threads: 1, importer: "test", progress: { _ in })
            let store = try WeightStore(path: "\(folder)/m.chess", threads: 1)
            try body(
                Bench(
                    folder: folder, store: store,
                    decoder: try Decoder(store: store, kernels: .best, context: 64, threads: 2),
                    tokenizer: try Tokenizer(store.vocabulary())))
        }
    }

    /// The alphabet of the texts below, one token each, and what a tokenizer needs besides.
    private static let tokens: [String] =
        (0..<26).map { letter(UInt8($0)) } + (0..<10).map { "\($0)" } + ["Ġ", "ab", "!!", "??"]

    private static func letter(_ number: UInt8) -> String {
        String(decoding: [97 + number], as: UTF8.self)
    }

    /// Without `a`, so that no two letters merge.
    private static func text(_ count: Int) -> [UInt8] {
        var numbers = SplitMix64(seed: 5)
        return (0..<count).map { _ in UInt8.random(in: 98..<123, using: &numbers) }
    }

    private func profile(
        _ bench: Bench, _ method: CalibrationMethod, _ sparsity: Double, _ corpus: Corpus
    ) throws -> SparsityProfile {
        try Calibrator(bench.decoder, corpus) { _ in }.profile(
            CalibrationRequest(method: method, sparsity: sparsity, searchTokens: 64),
            model: ProfiledModel(bench.store), program: "test")
    }

    @Test(arguments: CalibrationMethod.allCases)
    func sparsityOfZeroIsDense(method: CalibrationMethod) async throws {
        try await withModel { bench in
            let corpus = try bench.corpus(Self.text(600))
            let profile = try profile(bench, method, 0, corpus)
            let score = Evaluator(bench.decoder, corpus, precision: .int8)
                .scores([bench.decoder.plan(profile)])
            #expect(score.sparse[0].meanDivergence == 0)
            #expect(score.sparse[0].perplexity == score.dense.perplexity)
            #expect(score.sparse[0].agreement == 1)
            #expect(score.sparse[0].bytesPerToken == score.dense.bytesPerToken)
        }
    }

    /// A random model's gates barely move with what is dropped. With `teal` all activations do, since every matrix loses
    /// inputs: its thresholds are moved, and those of the inputs of `chess`.
    @Test(arguments: [CalibrationMethod.chess, .chessFeedForward, .chessL1, .cats, .teal], [0.3, 0.7])
    func profilesLeaveOutWhatWasAskedFor(method: CalibrationMethod, sparsity: Double) async throws {
        try await withModel { bench in
            let corpus = try bench.corpus(Self.text(600))
            let profile = try profile(bench, method, sparsity, corpus)
            #expect(!profile.sites.isEmpty)
            for (site, rules) in profile.sites {
                let excess = rules.map { $0.measured - sparsity }
                switch method {
                case .teal:
                    #expect(abs(excess.reduce(0, +)) / Double(excess.count) < 0.05, "\(site): \(excess)")
                case .chess where site != .channels:
                    #expect(excess.allSatisfy { abs($0) < 0.03 }, "\(site): \(excess)")
                default: #expect(excess.allSatisfy { abs($0) < 0.08 }, "\(method) \(site): \(excess)")
                }
            }
            let score = Evaluator(bench.decoder, corpus, precision: .int16)
                .scores([bench.decoder.plan(profile)]).sparse[0]
            #expect(score.meanDivergence > 0 && score.highDivergence >= score.meanDivergence / 4)
        }
    }

    /// Tuning keeps to the bytes of the paper's method, and is no worse on the text it was made with.
    @Test func tuningReadsAsManyBytes() async throws {
        try await withModel { bench in
            let corpus = try bench.corpus(Self.text(600))
            let plans = try [CalibrationMethod.tuned, .chess].map {
                bench.decoder.plan(try profile(bench, $0, 0.5, corpus))
            }
            let scores = Evaluator(bench.decoder, corpus, precision: .int16).scores(plans)
            let saved = scores.sparse.map { scores.dense.bytesPerToken - $0.bytesPerToken }
            #expect(abs(saved[0] - saved[1]) < 0.06 * saved[1], "\(saved)")
            #expect(scores.sparse[0].meanDivergence < scores.sparse[1].meanDivergence)
        }
    }

    /// Token by token, also with bundles that are read when they are wanted, the score is what evaluating whole windows gives.
    @Test func steppingScoresAsEvaluatingDoes() async throws {
        try await withModel { bench in
            let corpus = try bench.corpus(Self.text(600), tokens: 64)
            let profile = try profile(bench, .chess, 0.5, corpus)
            let evaluator = Evaluator(bench.decoder, corpus, precision: .int8)
            let reference = evaluator.reference()
            let (dense, sparse) = (bench.decoder.plan { _, _ in nil }, bench.decoder.plan(profile))
            func stepped(_ decoder: Decoder, _ plan: SparsityPlan) throws -> SteppedScore {
                try reference.stepped(decoder, plan, tokens: 64, warmUp: 0, precision: .int8)
            }
            let exact = try stepped(bench.decoder, dense)
            #expect(exact.divergence < 1e-4)
            #expect(abs(exact.loss - log(reference.score.perplexity)) < 1e-3)
            let score = evaluator.score(sparse, against: reference)
            let found = try stepped(bench.decoder, sparse)
            #expect(abs(found.divergence / score.meanDivergence - 1) < 0.1)
            #expect(abs(found.loss - log(score.perplexity)) < 0.01)

            let model = try StoreInspection(path: "\(bench.folder)/m.chess")
            let tensors = model.tensors.filter { $0.name.hasSuffix(".ffn") }.map {
                CachePlan.Tensor(
                    name: $0.name, layout: $0.layout, capacity: $0.elements.frames.count / 2)
            }
            let store = try WeightStore(model, threads: 1, plan: CachePlan(tensors: tensors, gap: 0))
            let small = try Decoder(store: store, kernels: .best, context: 64, threads: 2, isSmall: true)
            #expect(try stepped(small, small.plan(profile)) == found)
            #expect(small.weights.cache?.total.missed ?? 0 > 0)
        }
    }

    @Test func textsThatAreNoUseAreRefused() async throws {
        try await withModel { bench in
            let path = "\(bench.folder)/text.txt"
            #expect(throws: CalibrationError.emptyText(path: path)) { _ = try bench.corpus([]) }
            #expect(throws: CalibrationError.binaryText(path: path)) {
                _ = try bench.corpus(Self.text(500) + [0xff] + Self.text(500))
            }
            #expect(throws: CalibrationError.binaryText(path: path)) {
                _ = try bench.corpus(Self.text(500) + [0] + Self.text(500))
            }
            #expect(throws: CalibrationError.shortText(path: path, tokens: 63, needed: 64)) {
                _ = try bench.corpus(Self.text(63))
            }
            #expect(throws: CalibrationError.self) {
                _ = try Corpus(
                    path: "\(bench.folder)/none", tokenizer: bench.tokenizer, tokens: 64, window: 64)
            }
        }
    }

    @Test(arguments: [-0.1, 0.991, .nan, .infinity])
    func sparsityOutOfRangeIsRefused(sparsity: Double) async throws {
        try await withModel { bench in
            let corpus = try bench.corpus(Self.text(100))
            #expect(throws: CalibrationError.self) { _ = try profile(bench, .cats, sparsity, corpus) }
        }
    }

    @Test func samplesAreSpreadOverTheText() async throws {
        try await withModel { bench in
            let corpus = try bench.corpus(Self.text(5000), tokens: 512)
            #expect(corpus.windows.count == 8)
            #expect(corpus.sample(tokens: 200) == [0, 2, 5].map { corpus.windows[$0] })
            #expect(corpus.sample(tokens: 40) == [Array(corpus.windows[0].prefix(40))])
            #expect(corpus.sample(tokens: 4096) == corpus.windows)
        }
    }

    /// A character is never cut where the front of a long text ends.
    @Test func longTextsAreReadInPart() async throws {
        try await withModel { bench in
            let text = Self.text(65_535) + Array("é".utf8) + Self.text(1000)
            let corpus = try bench.corpus(text, tokens: 128)
            #expect(corpus.windows.count == 2 && corpus.windows.allSatisfy { $0.count == 64 })
        }
    }
}
