import Importing
import Kernels
import Support
import Tensors
import Testing

@testable import Decoder
@testable import WeightStore

/// A matrix cut into panels gives the bits of the whole one.
@Suite struct PanelTests {
    private let tokens: [Int32] = [3, 17, 8, 8, 30, 5, 11, 2, 39, 0, 17, 21]

    /// Of every form of codes: half a panel and one that is not filled up, or five panels and a half.
    @Test(
        arguments: [
            ElementType.q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q3_K, .q4_K, .q5_K, .q6_K, .f16,
        ], [false, true])
    func decodingGivesTheSameBits(type: ElementType, isWide: Bool) async throws {
        try await withTemporaryDirectory { folder in
            let source = "\(folder)/m.gguf"
            let size: (Int, Int)? = isWide ? (type.blockElements == 256 ? (512, 1280) : (192, 704)) : nil
            try SmallModel(type, layers: 2, embedding: size?.0, feedForward: size?.1).write(to: source)
            for (index, compression) in [Compression.none, .zstd(level: 3)].enumerated() {
                let path = "\(folder)/\(index).chess"
                _ = try await Importer.run(
                    source: source, target: path, compression: compression, overwrite: false, threads: 2,
                    importer: "test", progress: { _ in })
                let names = Set(try StoreInspection(path: path).tensors.map(\.name))
                let whole = try WeightStore(path: path, threads: 1, residency: .resident)
                let cut = try WeightStore(path: path, threads: 2, residency: .resident, panelled: names)
                let gate = try cut.tensor("blk.1.ffn_gate")
                #expect((gate.panels == nil) == (type == .f16))
                #expect(gate.panels == nil || gate.planes == nil)
                for kernels in KernelSet.available {
                    #expect(try run(cut, kernels) == run(whole, kernels), "\(kernels.name)")
                }
            }
        }
    }

    /// The logits of a prompt and of steps behind it, dense and with channels left out; as bits, since the numbers
    /// of a random model may be anything.
    private func run(_ store: WeightStore, _ kernels: KernelSet) throws -> [[UInt32]] {
        let decoder = try Decoder(store: store, kernels: kernels, context: 64, threads: 2)
        let sparse = decoder.plan { site, _ in
            switch site {
            case .queryInput, .attentionOutput, .gateInput:
                let width = store.parameters.width(site)
                return SparsityProfile.Rule(limits: (0..<width).map { [0, 0.02, 0.2, 1e30][$0 % 4] })
            default: return nil
            }
        }
        var found: [[UInt32]] = []
        for plan in [nil, sparse] {
            #expect(decoder.prefill(tokens, at: 0, plan: plan))
            for (index, token) in tokens.enumerated() {
                decoder.step(token, at: tokens.count + index, plan: plan)
                found.append(logits(decoder).map(\.bitPattern))
            }
        }
        return found
    }

    /// Steps on mapped weights, and steps behind them on a copy in panels, are those of one decoder.
    @Test func aDecoderGoesOnWithACopy() async throws {
        try await withTemporaryDirectory { folder in
            let (source, path) = ("\(folder)/m.gguf", "\(folder)/m.chess")
            try SmallModel(.q4_K, layers: 2).write(to: source)
            _ = try await Importer.run(
                source: source, target: path, compression: .none, overwrite: false, threads: 2,
                importer: "test", progress: { _ in })
            let model = try StoreInspection(path: path)
            let mapped = try WeightStore(model, threads: 1, residency: .mapped)
            let first = try Decoder(store: mapped, kernels: .best, context: 64, threads: 2)
            let copy = try WeightStore.Copying(
                model, threads: 1, panelled: Decoder.panelled(model, nil))
            let store = try copy.store()
            #expect(try store.tensor("blk.1.ffn_gate").panels != nil)
            let second = Decoder(first, weights: try ModelWeights(store))
            let expected = try run(mapped, .best).prefix(tokens.count)
            #expect(first.prefill(tokens, at: 0))
            for (index, token) in tokens.enumerated() {
                let decoder = index < 5 ? first : second
                decoder.step(token, at: tokens.count + index)
                #expect(logits(decoder).map(\.bitPattern) == expected[index], "token \(index)")
            }
        }
    }

    /// Panels follow each other, and a mapped store has none.
    @Test func panelsCoverAllOutputs() async throws {
        let form = WeightForm(code: .bits6, group: 16, levels: 2, hasMin: false, offset: 32)
        for outputs in [1, 64, 100, 128, 129, 192, 1536] {
            let panels = PanelLayout(form: form, outputs: outputs, channels: 300)
            #expect((0..<panels.count).flatMap { panels.outputs(of: $0) } == Array(0..<outputs))
            #expect(
                panels.byteCount == 300 * form.packedBytes(outputs)
                    + form.planeBytes(channels: 300, outputs: outputs))
            for index in 0..<panels.count { #expect(panels.offset(of: index) % 64 == 0) }
        }
        try await withTemporaryDirectory { folder in
            let (source, path) = ("\(folder)/m.gguf", "\(folder)/m.chess")
            try SmallModel(.q4_K).write(to: source)
            _ = try await Importer.run(
                source: source, target: path, compression: .none, overwrite: false, threads: 1,
                importer: "test", progress: { _ in })
            let store = try WeightStore(
                path: path, threads: 1, residency: .mapped, panelled: ["blk.0.ffn_gate"])
            #expect(try store.tensor("blk.0.ffn_gate").panels == nil)
        }
    }
}
