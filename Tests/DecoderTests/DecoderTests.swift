import GGUF
import Importing
import Kernels
import Machine
import Support
import Tensors
import Testing
import WeightStore

@testable import Decoder

/// The decoder against a transformer in plain Swift over small random models of every format.
@Suite struct DecoderTests {
    private let tokens: [Int32] = [3, 17, 8, 8, 30, 5, 11]

    /// Int8 activations carry an error of about half a percent of each product; the KV cache is f16.
    @Test(arguments: ElementType.allCases, ["llama", "qwen2"])
    func stepsAndPrefillFollowThePlainModel(type: ElementType, architecture: String) async throws {
        try await followThePlainModel(type, architecture, layers: 1)
    }

    /// Normalised heads, and layers without positions, of which the fourth is the first.
    @Test(arguments: [ElementType.f32, .q8_0], [("qwen3", 2), ("smollm3", 5)])
    func otherAttentionFollowsThePlainModel(type: ElementType, family: (name: String, layers: Int))
        async throws
    {
        try await followThePlainModel(type, family.name, layers: family.layers)
    }

    private func followThePlainModel(_ type: ElementType, _ architecture: String, layers: Int) async throws {
        let bound: Float = type.blockElements == 1 ? 0.004 : 0.08
        for kernels in KernelSet.available {
            try await withDecoder(type, architecture, layers: layers, kernels: kernels, threads: 2) {
                decoder, file in
                let expected = try PlainModel(file: file, shape: decoder.parameters).logits(tokens)
                for (position, token) in tokens.enumerated() { decoder.step(token, at: position) }
                let stepped = distance(logits(decoder), expected)
                #expect(stepped < bound, "\(kernels.name): steps")
                #expect(decoder.prefill(tokens, at: 0))
                let filled = distance(logits(decoder), expected)
                #expect(filled < bound, "\(kernels.name): prefill")
            }
        }
    }

    /// Keys and values of 8 bits follow the plain model nearly as well, and do not depend on threads either.
    @Test(arguments: ["llama", "qwen2"])
    func eightBitsOfCacheAreNearlyAsGood(architecture: String) async throws {
        var sizes: Set<Int> = []
        for kernels in KernelSet.available {
            var seen: Set<[UInt32]> = []
            for threads in [1, 3] {
                try await withDecoder(
                    .f32, architecture, kernels: kernels, threads: threads, cacheFormat: .byte
                ) { decoder, file in
                    let expected = try PlainModel(file: file, shape: decoder.parameters).logits(tokens)
                    for (position, token) in tokens.enumerated() { decoder.step(token, at: position) }
                    let stepped = distance(logits(decoder), expected)
                    // More than the rounding of f16: the cache does hold 8 bits.
                    #expect(stepped > 0.0005 && stepped < 0.02, "\(kernels.name): steps")
                    seen.insert(logits(decoder).map(\.bitPattern))
                    #expect(decoder.prefill(tokens, at: 0))
                    #expect(distance(logits(decoder), expected) < 0.02, "\(kernels.name): prefill")
                    let shape = decoder.parameters
                    let halves =
                        4 * shape.layers * shape.keyValueHeads * shape.headDimension * decoder.context
                    #expect(decoder.cache.byteCount * 8 == halves * 5)
                    sizes.insert(decoder.cache.byteCount)
                }
            }
            #expect(seen.count == 1, "\(kernels.name)")
        }
        #expect(sizes.count == 1)
    }

    @Test(arguments: [ElementType.q4_1, .q4_K, .q6_K, .q8_0, .f16])
    func threadsChangeNoBit(type: ElementType) async throws {
        for kernels in KernelSet.available {
            var seen: Set<[UInt32]> = []
            for threads in [1, 2, 3, 5] {
                try await withDecoder(type, "llama", kernels: kernels, threads: threads) { decoder, _ in
                    _ = decoder.prefill(Array(tokens.prefix(5)), at: 0)
                    for position in 5..<tokens.count { decoder.step(tokens[position], at: position) }
                    seen.insert(logits(decoder).map(\.bitPattern))
                }
            }
            #expect(seen.count == 1, "\(kernels.name)")
        }
    }

    /// At every position the plain model's logits for the tokens up to there.
    @Test(arguments: [ElementType.f16, .q8_0])
    func eachPositionFollowsThePlainModel(type: ElementType) async throws {
        let bound: Float = type.blockElements == 1 ? 0.004 : 0.08
        let tokens = Array(tokens.prefix(4))
        for kernels in KernelSet.available {
            try await withDecoder(type, "llama", kernels: kernels, threads: 2) { decoder, file in
                let plain = PlainModel(file: file, shape: decoder.parameters)
                var rows: [[Float]] = []
                let isComplete = decoder.prefill(tokens, at: 0, isCancelled: { false }) { index, row in
                    #expect(index == rows.count)
                    rows.append(row.buffer.elements(row.start..<row.start + row.count))
                }
                #expect(isComplete && rows.count == tokens.count)
                for (index, row) in rows.enumerated() {
                    let found = distance(row, try plain.logits(Array(tokens[...index])))
                    #expect(found < bound, "\(kernels.name): position \(index)")
                }
                #expect(logits(decoder) == rows.last)
            }
        }
    }

    /// Whoever asks again has all but the last token of a prompt in the cache, and gets the same answer.
    @Test(arguments: [1, 2, 3, 19])
    func answersDoNotDependOnWhatIsCached(last: Int) async throws {
        let tokens = (0..<20).map { Int32($0 * 7 % 40) }
        try await withDecoder(.q4_K, "llama", kernels: .best, threads: 2) { decoder, _ in
            func bits() -> [UInt32] { logits(decoder).map(\.bitPattern) }
            #expect(decoder.prefill(tokens, at: 0))
            let whole = bits()
            #expect(decoder.prefill(Array(tokens.suffix(last)), at: tokens.count - last))
            #expect(bits() == whole)
        }
    }

    /// 50 tokens are a full batch of the head and a part of one; whoever splits them gets the same bits.
    @Test(arguments: [1, 2, 32, 33, 50])
    func positionsDoNotDependOnTheSplit(first: Int) async throws {
        let many = (0..<50).map { Int32($0 * 7 % 40) }
        try await withDecoder(.q8_0, "llama", kernels: .best, threads: 2) { decoder, _ in
            func rows(_ range: Range<Int>) -> [[UInt32]] {
                var rows: [[UInt32]] = []
                guard !range.isEmpty else { return [] }
                _ = decoder.prefill(
                    Array(many[range]), at: range.lowerBound, isCancelled: { false }
                ) { _, row in
                    rows.append(
                        row.buffer.elements(row.start..<row.start + row.count).map(\.bitPattern))
                }
                return rows
            }
            let whole = rows(0..<50)
            #expect(rows(0..<first) + rows(first..<50) == whole)
        }
    }

    @Test func aCancelledPrefillSaysSo() async throws {
        try await withDecoder(.q8_0, "llama", kernels: .best, threads: 2) { decoder, _ in
            let cancelled = decoder.prefill(tokens, at: 0, isCancelled: { true })
            let completed = decoder.prefill(tokens, at: 0, isCancelled: { false })
            #expect(!cancelled && completed)
            let scored = decoder.prefill(tokens, at: 0, isCancelled: { true }) { _, _ in }
            #expect(!scored)
        }
    }

    @Test func contextsBeyondTheTrainedOneAreRefused() async throws {
        try await withTemporaryDirectory { folder in
            try SmallModel(.q8_0).write(to: "\(folder)/m.gguf")
            let target = "\(folder)/m.chess"
            _ = try await Importer.run(
                source: "\(folder)/m.gguf", target: target, compression: .auto, overwrite: false,
                threads: 1, importer: "test", progress: { _ in })
            let store = try WeightStore(path: target, threads: 1)
            #expect(throws: DecoderError.contextTooLong(path: target, asked: 129, trained: 128)) {
                _ = try Decoder(store: store, kernels: .best, context: 129, threads: 1)
            }
        }
    }
}
