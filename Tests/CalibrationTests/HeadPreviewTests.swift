import Decoder
import Importing
import Kernels
import Machine
import Support
import Tensors
import Testing
import Tokenizer
import WeightStore

@testable import Calibration

/// A head of which some logits are computed exactly and the others foretold.
@Suite struct HeadPreviewTests {
    private static let text: [Int32] = (0..<48).map { Int32($0 * 29 % 317) }

    /// A small model, and the same with a preview of its head found on `text`.
    private func withStores(
        _ type: ElementType, vocabulary: Int = 320, isTied: Bool, _ compression: Compression = .none,
        _ body: (_ plain: String, _ foretold: String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { folder in
            var model = SmallModel(
                type, architecture: "qwen2", embedding: 256, feedForward: 256,
                vocabulary: vocabulary)
            let letters = (97..<123).map { String(decoding: [UInt8($0)], as: UTF8.self) }
            let names = letters + (letters.count..<vocabulary).map { "t\($0)" }
            model.set("tokenizer.ggml.tokens", .strings(names))
            model.set("tokenizer.ggml.token_type", .int32s([Int32](repeating: 1, count: vocabulary)))
            model.set("tokenizer.ggml.merges", .strings(["a b"]))
            if !isTied { model.addMatrix("output.weight", vocabulary, model.embedding) }
            try model.write(to: "\(folder)/m.gguf")
            let plain = "\(folder)/m.chess"
            _ = try await Importer.run(
                source: "\(folder)/m.gguf", target: plain, compression: compression, overwrite: false,
                threads: 2, importer: "test", progress: { _ in })
            let decoder = try decoder(plain)
            #expect(HeadPreviewFinder.isWorthwhile(decoder.parameters))
            var steps: [Int] = []
            let tensors = HeadPreviewFinder(decoder, windows: [Self.text]).tensors { done, total in
                #expect(done <= total && done > steps.last ?? 0)
                steps.append(done)
            }
            let foretold = "\(folder)/foretold.chess"
            _ = try StoreInspection(path: plain).rewrite(
                to: foretold, orders: [:], additions: tensors, fetchedRows: ["output", "token_embd"],
                level: 3, overwrite: false, threads: 2)
            #expect(try StoreInspection(path: foretold).faults(threads: 2) == [])
            try await body(plain, foretold)
        }
    }

    private func decoder(_ path: String, _ plan: CachePlan? = nil, threads: Int = 2) throws -> Decoder {
        let store = try WeightStore(path: path, threads: 1, plan: plan)
        return try Decoder(
            store: store, kernels: .best, context: 64, threads: threads, isSmall: plan != nil)
    }

    private func logits(_ decoder: Decoder) -> [Float] {
        decoder.logits.buffer.elements(0..<decoder.logits.count)
    }

    /// The logits after the first tokens of the text, by a prefill and then by steps.
    private func run(_ decoder: Decoder, _ candidates: Int) -> [[Float]] {
        let plan = candidates == 0 ? nil : decoder.plan(headCandidates: candidates) { _, _ in nil }
        #expect(plan == nil || plan?.headCandidates == candidates)
        #expect(
            decoder.prefill(Array(Self.text[..<20]), at: 0, head: HeadScope(candidates: plan?.headCandidates))
        )
        var found = [logits(decoder)]
        for position in 20..<30 {
            decoder.step(Self.text[position], at: position, plan: plan)
            found.append(logits(decoder))
        }
        return found
    }

    @Test(arguments: [ElementType.q4_K, .q6_K, .q8_0, .bf16], [true, false])
    func candidatesAreExactAndTheOthersClose(type: ElementType, isTied: Bool) async throws {
        try await withStores(type, isTied: isTied) { plain, path in
            let exact = run(try decoder(plain), 0)
            let same = run(try decoder(path), 0)
            #expect(same == exact, "without candidates a preview changes nothing")
            for threads in [1, 3] {
                let found = run(try decoder(path, threads: threads), 40)
                for (found, exact) in zip(found, exact) {
                    let best = exact.indices.max { exact[$0] < exact[$1] }
                    #expect(best.map { found[$0] == exact[$0] } == true, "the best logit is a candidate")
                    let count = zip(found, exact).count { $0 == $1 }
                    #expect(count >= 40 && count < 80, "\(count) exact logits")
                    // The text has fewer tokens than the preview has ranks: only rounding is left.
                    let error = zip(found, exact).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
                    let size = exact.reduce(0) { $0 + $1 * $1 }
                    #expect(error < 0.02 * size, "\(error) of \(size)")
                }
            }
            let all = run(try decoder(path), 320)
            #expect(all == exact, "all are candidates")
        }
    }

    @Test(arguments: [(true, Compression.zstd(level: 3)), (false, .none)])
    func everyCapacityGivesTheSameBits(isTied: Bool, compression: Compression) async throws {
        // More bytes than arrive at once, so that the head comes in parts.
        try await withStores(.bf16, vocabulary: 12288, isTied: isTied, compression) { _, path in
            let resident = try decoder(path)
            let expected = [run(resident, 300), run(resident, 0)]
            let head = isTied ? "token_embd" : "output"
            let layout = try #require(StoreInspection(path: path).tensors.first { $0.name == head }?.layout)
            #expect(layout.elementBytes > CachePlan.partBytes)
            for (capacity, gap) in [(0, 0), (900, 4096), (900, 1 << 20), (12288, 0)] {
                let plan = CachePlan(
                    tensors: [CachePlan.Tensor(name: head, layout: layout, capacity: capacity)], gap: gap)
                let decoder = try decoder(path, plan)
                let found = [run(decoder, 300), run(decoder, 0)]
                #expect(found == expected, "\(capacity), \(gap)")
                #expect(decoder.takeFault() == nil)
                let counts = try #require(decoder.weights.cache?.total)
                // The last capacity holds every row.
                #expect((counts.missed > 0) == (capacity < 12288) && counts.missed <= counts.wanted)
                if capacity == 0 { #expect(counts.missed == counts.wanted) }
            }
        }
    }

    @Test func evaluationSeesWhatDecodingDoes() async throws {
        try await withStores(.q8_0, isTied: false) { _, path in
            let decoder = try decoder(path)
            let residuals = Residuals(decoder.parameters, count: 30)
            #expect(decoder.evaluate(.tokens(Array(Self.text[..<30])), at: 0, output: residuals))
            let plan = decoder.plan(headCandidates: 40) { _, _ in nil }
            #expect(decoder.prefill(Array(Self.text[..<30]), at: 0, head: HeadScope(candidates: 40)))
            let stepped = logits(decoder)
            decoder.forEachLogits(
                residuals, and: residuals, tokens: [29], candidates: plan.headCandidates, precision: .int8
            ) { _, _, found in
                let found = found.map { $0.buffer.elements($0.start..<$0.start + $0.count) } ?? []
                // A batch adds in another order than a step.
                let error = zip(found, stepped).map { abs($0 - $1) }.max() ?? .infinity
                #expect(error < 1e-3 * (stepped.map(abs).max() ?? 0))
            }
        }
    }

    /// What candidates save of the head is left to the layers, all of it where that is as much as `chess` would save.
    @Test func tuningLeavesOutLessWhereTheHeadIsForetold() async throws {
        try await withStores(.q4_K, vocabulary: 12288, isTied: false) { _, path in
            let decoder = try decoder(path)
            let text = path + ".txt"
            try write((0..<600).map { 98 + UInt8($0 * $0 % 23) }, to: text)
            let tokenizer = try Tokenizer(StoreInspection(path: path).vocabulary())
            let corpus = try Corpus(path: text, tokenizer: tokenizer, tokens: 512, window: 64)
            let store = try WeightStore(path: path, threads: 1)
            let all = Double(decoder.weights.bytesPerToken)
            func saved(_ method: CalibrationMethod, candidates: Int) throws -> (bytes: Double, sites: Int) {
                let profile = try Calibrator(decoder, corpus) { _ in }.profile(
                    CalibrationRequest(
                        method: method, sparsity: 0.5, searchTokens: 64, headCandidates: candidates),
                    model: ProfiledModel(store), program: "test")
                #expect(profile.headCandidates == candidates)
                let plan = decoder.plan(profile)
                _ = decoder.takeCounts(of: plan)
                for window in corpus.windows {
                    _ = decoder.evaluate(.tokens(window), at: 0, options: BatchOptions(plan: plan))
                }
                return (
                    all - decoder.weights.bytesPerToken(decoder.takeCounts(of: plan)), profile.sites.count
                )
            }
            let chess = try saved(.chess, candidates: 0).bytes
            #expect(try saved(.tuned, candidates: 300).sites == 0)
            // So many that half of it is left.
            let most = Double(decoder.weights.headBytesSaved(1))
            let some = 1 + Int((most - chess / 2) / Double(decoder.weights.output.rowBytes))
            let tuned = try saved(.tuned, candidates: some)
            #expect(tuned.sites > 0 && abs(tuned.bytes - chess) < 0.1 * chess, "\(tuned), \(chess)")
        }
    }

    @Test func aPlanNeedsAPreview() async throws {
        try await withStores(.q8_0, isTied: false) { plain, path in
            let without = try decoder(plain)
            #expect(without.plan(headCandidates: 40) { _, _ in nil }.headCandidates == nil)
            let with = try decoder(path)
            #expect(with.plan(headCandidates: 0) { _, _ in nil }.headCandidates == nil)
            #expect(with.plan(headCandidates: 1 << 20) { _, _ in nil }.headCandidates == 320)
            _ = with.takeCounts(of: with.plan { _, _ in nil })
            with.step(3, at: 0)
            let dense = with.weights.bytesPerToken(with.takeCounts(of: with.plan { _, _ in nil }))
            with.step(3, at: 0)
            let foretold = with.weights.bytesPerToken(
                with.takeCounts(of: with.plan(headCandidates: 40) { _, _ in nil }))
            // 280 of 320 rows of 272 bytes less a preview: 64 rows of 272, and for each output 64 codes of 4 bits, two scales and a base.
            #expect(dense - foretold == Double(280 * 272 - 64 * 272 - 320 * 40))
        }
    }

    @Test func partOfAPreviewIsNoStore() async throws {
        try await withStores(.q8_0, isTied: false) { plain, path in
            let store = try StoreInspection(path: path)
            let broken = path + ".broken"
            let basis = try #require(store.tensors.first { $0.name == HeadPreviewName.basis })
            _ = try StoreInspection(path: plain).rewrite(
                to: broken, orders: [:],
                additions: [
                    NewTensor(
                        name: basis.name, layout: basis.layout,
                        bytes: [UInt8](repeating: 0, count: basis.layout.elementBytes))
                ], level: 3, overwrite: false, threads: 1)
            #expect {
                try decoder(broken)
            } throws: { error in
                guard case StoreError.missingTensor(broken, HeadPreviewName.weights) = error else {
                    return false
                }
                return true
            }
        }
    }
}
