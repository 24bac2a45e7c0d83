import GGUF
import Kernels
import Machine
import Support
import Synchronization
import Tensors
import Testing
import WeightStore

@testable import Decoder

/// Leaving channels out, against a plain model from whose values the same ones are taken.
@Suite struct SparsityTests {
    private let tokens: [Int32] = [3, 17, 8, 8, 30, 5, 11]

    /// Rules of the same limit everywhere.
    private func rules(_ limit: Float) -> (SparsitySite, Int) -> SparsityProfile.Rule? {
        { _, _ in SparsityProfile.Rule(limits: [limit]) }
    }

    @Test(arguments: ElementType.allCases)
    func limitsOfZeroChangeNoBit(type: ElementType) async throws {
        for kernels in KernelSet.available {
            try await withDecoder(type, "qwen2", layers: 2, kernels: kernels, threads: 2) { decoder, _ in
                let plan = decoder.plan(rules(0))
                #expect(decoder.prefill(tokens, at: 0))
                for token in tokens { decoder.step(token, at: tokens.count) }
                let dense = logits(decoder)
                #expect(decoder.prefill(tokens, at: 0, plan: plan))
                for token in tokens { decoder.step(token, at: tokens.count, plan: plan) }
                #expect(logits(decoder) == dense, "\(kernels.name)")
            }
        }
    }

    /// A third to two thirds of the channels of each site are left out. With 16 bits a channel that is dropped
    /// by mistake, or kept, is far outside the bound; 8 bits have the noise of two random layers.
    @Test(
        arguments: [ElementType.q4_1, .q8_0, .q6_K, .f16], SparsitySite.allCases.map(\.rawValue) + ["all"])
    func sparseStepsFollowThePlainModel(type: ElementType, site: String) async throws {
        let isFloat = type.blockElements == 1
        let sites = SparsitySite.allCases.filter { site == "all" || $0.rawValue == site }
        var expected: [Float] = []
        for kernels in KernelSet.available {
            try await withDecoder(type, "llama", layers: 2, kernels: kernels, threads: 2) { decoder, file in
                let rules = Self.rules(sites, decoder.parameters)
                if expected.isEmpty {
                    var plain = PlainModel(file: file, shape: decoder.parameters)
                    plain.remaining = { site, layer, values in
                        rules[site].map { Self.apply($0[layer], values) } ?? values
                    }
                    expected = try plain.logits(tokens)
                }
                let plan = decoder.plan { site, layer in rules[site]?[layer] }
                for (position, token) in tokens.enumerated() {
                    decoder.step(token, at: position, plan: plan)
                }
                #expect(
                    distance(logits(decoder), expected) < (isFloat ? 0.004 : 0.2), "\(kernels.name): steps")
                let counts = decoder.takeCounts(of: plan)
                #expect(counts.tokens == tokens.count)
                let exact = exactLogits(decoder, plan)
                #expect(distance(exact, expected) < 0.01, "\(kernels.name): batch")
                let batch = decoder.takeCounts(of: plan)
                for site in sites {
                    let share = counts.sparsity(site)
                    #expect(site == .downInput || (0.2...0.8).contains(share), "\(kernels.name): \(site)")
                    #expect(abs(share - batch.sparsity(site)) < 0.05, "\(kernels.name): \(site)")
                }
            }
        }
    }

    /// The logits of the last token, with activations of 16 bits.
    private func exactLogits(_ decoder: Decoder, _ plan: SparsityPlan?) -> [Float] {
        let streams = Residuals(decoder.parameters, count: tokens.count)
        let options = BatchOptions(plan: plan, precision: .int16)
        guard decoder.evaluate(.tokens(tokens), at: 0, options: options, output: streams) else { return [] }
        let last = Mutex<[Float]>([])
        decoder.forEachLogits(streams, tokens: [tokens.count - 1], precision: .int16) { _, row, _ in
            last.withLock { $0 = row.buffer.elements(row.start..<row.start + row.count) }
        }
        return last.withLock { $0 }
    }

    /// Channels in turn kept whatever they are and left out whatever they are; every third by its value.
    private static func rules(
        _ sites: [SparsitySite], _ model: ModelParameters
    ) -> [SparsitySite: [SparsityProfile.Rule]] {
        var rules: [SparsitySite: [SparsityProfile.Rule]] = [:]
        for site in sites {
            rules[site] = (0..<model.layers).map { layer in
                let width = model.width(site)
                // The decoder has one limit for all channels here.
                if site == .downInput { return SparsityProfile.Rule(limits: [1e-4]) }
                let center = (0..<width).map { Float($0 % 5) * 0.01 - 0.02 }
                return SparsityProfile.Rule(
                    limits: (0..<width).map { [0, 1e30, 1e-6][($0 / 3 + layer) % 3] },
                    center: site.mayHaveCenter ? center : [])
            }
        }
        return rules
    }

    private static func apply(_ rule: SparsityProfile.Rule, _ values: [Float]) -> [Float] {
        values.indices.map { index in
            let limit = rule.limits.count == 1 ? rule.limits[0] : rule.limits[index]
            let center = rule.center.isEmpty ? 0 : rule.center[index]
            return abs(values[index] - center) >= limit ? values[index] : center
        }
    }

    @Test(arguments: [ElementType.q4_1, .q4_K, .q6_K, .f16])
    func threadsChangeNoBit(type: ElementType) async throws {
        for kernels in KernelSet.available {
            var seen: Set<[UInt32]> = []
            for threads in [1, 2, 3, 5] {
                try await withDecoder(
                    type, "llama", layers: 2, kernels: kernels, threads: threads
                ) { decoder, _ in
                    let rules = Self.rules(SparsitySite.allCases, decoder.parameters)
                    let plan = decoder.plan { site, layer in rules[site]?[layer] }
                    for (position, token) in tokens.enumerated() {
                        decoder.step(token, at: position, plan: plan)
                    }
                    seen.insert(logits(decoder).map(\.bitPattern))
                }
            }
            #expect(seen.count == 1, "\(kernels.name)")
        }
    }

    /// Activations of 16 bits leave the rounding of f16 keys and values, and of scales, as the only difference.
    @Test(arguments: [ElementType.q4_1, .q4_K, .q6_K, .q8_0])
    func sixteenBitsComeCloser(type: ElementType) async throws {
        for kernels in KernelSet.available {
            try await withDecoder(type, "qwen2", layers: 2, kernels: kernels, threads: 2) { decoder, file in
                let expected = try PlainModel(file: file, shape: decoder.parameters).logits(tokens)
                #expect(distance(exactLogits(decoder, nil), expected) < 0.004, "\(kernels.name)")
            }
        }
    }

    /// The logits of each token are those that its own step gives.
    @Test func eachTokenOfAPrefillHasItsLogits() async throws {
        try await withDecoder(.q8_0, "llama", layers: 2, kernels: .best, threads: 2) { decoder, _ in
            var rows: [[Float]] = []
            var indices: [Int] = []
            let isComplete = decoder.prefill(
                tokens, at: 0,
                eachLogits: { index, row in
                    indices.append(index)
                    rows.append(values(row))
                })
            #expect(isComplete && indices == Array(tokens.indices))
            for (position, token) in tokens.enumerated() {
                decoder.step(token, at: position)
                #expect(distance(rows[position], logits(decoder)) < 0.02, "token \(position)")
            }
        }
    }

    /// Layers can be run one by one from the streams of the last.
    @Test func layersCanBeRunOneByOne() async throws {
        try await withDecoder(.q4_1, "llama", layers: 2, kernels: .best, threads: 2) { decoder, _ in
            let whole = Residuals(decoder.parameters, count: tokens.count)
            #expect(decoder.evaluate(.tokens(tokens), at: 0, output: whole))
            let parts = Residuals(decoder.parameters, count: tokens.count)
            #expect(decoder.evaluate(.tokens(tokens), at: 0, layers: 0..<0, output: parts))
            for layer in 0..<2 {
                #expect(decoder.evaluate(.residuals(parts), at: 0, layers: layer..<layer + 1, output: parts))
            }
            for row in tokens.indices { #expect(values(parts[row]) == values(whole[row])) }
        }
    }

    private func values(_ slice: FloatSlice) -> [Float] {
        slice.buffer.elements(slice.start..<slice.start + slice.count)
    }
}
