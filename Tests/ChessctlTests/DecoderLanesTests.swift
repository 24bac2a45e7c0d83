import Decoder
import Importing
import Support
import Tensors
import Testing
import WeightStore

@testable import chessctl

/// Which profiles share a decoder.
@Suite struct DecoderLanesTests {
    private func withModel(_ body: (StoreInspection) throws -> Void) async throws {
        try await withTemporaryDirectory { folder in
            let path = "\(folder)/m.chess"
            try SmallModel(.q4_1, layers: 2).write(to: "\(folder)/m.gguf")
            _ = try await Importer.run(
                source: "\(folder)/m.gguf", target: path, compression: .none, overwrite: false, threads: 1,
                importer: "test", progress: { _ in })
            try body(StoreInspection(path: path))
        }
    }

    /// Leaves half of the inputs of `sites` out, in both layers.
    private func profile(_ model: StoreInspection, _ sites: SparsitySite...) throws -> SparsityProfile {
        let store = try WeightStore(model, threads: 1)
        let rule = SparsityProfile.Rule(limits: [0.1], target: 0.5, measured: 0.5)
        return SparsityProfile(
            model: ProfiledModel(store), method: "tuned", sparsity: 0.5,
            corpus: .init(name: "c", sha256: "0", tokens: 1), createdAt: "2026-01-02T03:04:05Z",
            program: "test", sites: Dictionary(uniqueKeysWithValues: sites.map { ($0, [rule, rule]) }))
    }

    private func options(_ residency: Residency) -> DecoderOptions {
        DecoderOptions(context: 64, threads: 1, residency: residency)
    }

    @Test func profilesOfOneLayoutShareADecoder() async throws {
        try await withModel { model in
            let (gate, query) = (try profile(model, .gateInput), try profile(model, .queryInput))
            let hidden = try profile(model, .queryInput, .channels)
            let none = try profile(model)
            var lanes = try DecoderLanes(model, options(.resident), profiles: [gate, query, hidden, none])
            let dense = lanes.dense.decoder
            let gateLane = try lanes.lane(for: gate).decoder
            let queryLane = try lanes.lane(for: query).decoder
            #expect(gateLane !== dense && queryLane !== dense && gateLane !== queryLane)
            #expect(try lanes.lane(for: gate).decoder === gateLane)
            // Bundles are never cut into panels.
            let hiddenOnly = try profile(model, .channels)
            #expect(try lanes.lane(for: hidden).decoder === queryLane)
            #expect(try lanes.lane(for: hiddenOnly).decoder === dense)
            #expect(try lanes.lane(for: none).decoder === dense)
        }
    }

    @Test func mappedWeightsAndBudgetsHaveOneDecoder() async throws {
        try await withModel { model in
            let gate = try profile(model, .gateInput)
            var withinBudget = options(.automatic)
            withinBudget.budget = 1 << 30
            for options in [options(.mapped), withinBudget] {
                var lanes = try DecoderLanes(model, options, profiles: [gate])
                #expect(try lanes.lane(for: gate).decoder === lanes.dense.decoder)
                #expect((lanes.dense.memory != nil) == (options.budget != nil))
            }
        }
    }
}
