import Importing
import Kernels
import Machine
import Support
import Tensors
import Testing
import WeightStore

@testable import Decoder

/// A head whose rows are left out when their bounds say that they cannot matter.
@Suite struct HeadBoundsTests {
    private static let tokens: [Int32] = (0..<12).map { Int32($0 * 29 % 500) }

    private func withStore(
        _ type: ElementType, vocabulary: Int = 517, isTied: Bool, compression: Compression = .none,
        _ body: (String) throws -> Void
    ) async throws {
        try await withTemporaryDirectory { folder in
            var model = SmallModel(type, embedding: 512, feedForward: 256, vocabulary: vocabulary)
            if !isTied { model.addMatrix("output.weight", vocabulary, model.embedding) }
            try model.write(to: "\(folder)/m.gguf")
            _ = try await Importer.run(
                source: "\(folder)/m.gguf", target: "\(folder)/m.chess", compression: compression,
                overwrite: false, threads: 2, importer: "test", progress: { _ in })
            try body("\(folder)/m.chess")
        }
    }

    private func decoder(_ path: String, _ kernels: KernelSet = .best, threads: Int = 2) throws -> Decoder {
        try Decoder(
            store: try WeightStore(path: path, threads: 1), kernels: kernels, context: 64, threads: threads)
    }

    /// The logits after a prefill and after each of some steps, with the floor of each.
    private func run(_ decoder: Decoder, reach: Float?) -> [(logits: [Float], floor: Float)] {
        #expect(decoder.prefill(Array(Self.tokens[..<6]), at: 0, head: HeadScope(reach: reach)))
        var found = [(logits(decoder), decoder.logitFloor)]
        for position in 6..<Self.tokens.count {
            decoder.step(Self.tokens[position], at: position, reach: reach)
            found.append((logits(decoder), decoder.logitFloor))
        }
        return found
    }

    @Test(arguments: [ElementType.q8_0, .q6_K, .f16, .f32], [true, false])
    func whatMayBeTheLargestIsExact(type: ElementType, isTied: Bool) async throws {
        try await withStore(type, isTied: isTied, compression: isTied ? .none : .zstd(level: 3)) { path in
            for kernels in KernelSet.available {
                let exact = run(try decoder(path, kernels), reach: nil)
                #expect(exact.allSatisfy { $0.floor == -.infinity })
                for reach in [Float(0), 0.5, 100] {
                    let found = run(try decoder(path, kernels), reach: reach)
                    let other = run(try decoder(path, kernels, threads: 3), reach: reach)
                    #expect(zip(found, other).allSatisfy { $0 == $1 }, "the split changes nothing")
                    for (found, exact) in zip(found, exact) {
                        let best = exact.logits.max() ?? 0
                        #expect(found.floor <= best - reach)
                        #expect(zip(found.logits, exact.logits).allSatisfy { $0 >= $1 }, "bounds are above")
                        let low = zip(found.logits, exact.logits).filter { $0 != $1 }
                        #expect(low.allSatisfy { $0.0 < found.floor }, "\(low)")
                        if reach == 100 { #expect(low.isEmpty) }
                    }
                    // Random weights are the worst there can be, and yet some rows are left out.
                    let left = zip(found, exact).map { zip($0.logits, $1.logits).count { $0 != $1 } }
                    if reach == 0 { #expect(left.contains { $0 > 100 }, "\(left)") }
                }
            }
        }
    }

    @Test func logitsAreRefined() async throws {
        try await withStore(.q8_0, isTied: true) { path in
            let exact = try #require(run(try decoder(path), reach: nil).last?.logits)
            let decoder = try decoder(path)
            _ = run(decoder, reach: 0)
            let rough = logits(decoder)
            let token = try #require(rough.indices.first { rough[$0] != exact[$0] })
            decoder.refineLogit(of: token)
            #expect(logits(decoder)[token] == exact[token])
            let floor = decoder.logitFloor
            for (found, exact) in zip(logits(decoder), exact) {
                #expect(found == exact || (found > exact && found < floor))
            }
            for token in exact.indices { decoder.refineLogit(of: token) }
            #expect(logits(decoder) == exact)
            _ = run(decoder, reach: 0)
            #expect(logits(decoder) == rough)
            decoder.refineAllLogits()
            #expect(logits(decoder) == exact)
            #expect(decoder.logitFloor == -.infinity)
        }
    }

    @Test(arguments: [(true, Compression.zstd(level: 3)), (false, .none)])
    func rowsThatAreFetchedGiveTheSameBits(isTied: Bool, compression: Compression) async throws {
        // More bytes than arrive at once, so that the head comes in parts.
        try await withStore(.bf16, vocabulary: 8192, isTied: isTied, compression: compression) { path in
            let head = isTied ? "token_embd" : "output"
            let layout = try #require(StoreInspection(path: path).tensors.first { $0.name == head }?.layout)
            #expect(layout.elementBytes > CachePlan.partBytes)
            let resident = try decoder(path)
            let expected = [run(resident, reach: 0), run(resident, reach: 1), run(resident, reach: nil)]
            for capacity in [0, 100, 2048] {
                let plan = CachePlan(
                    tensors: [CachePlan.Tensor(name: head, layout: layout, capacity: capacity)], gap: 4096)
                let decoder = try Decoder(
                    store: try WeightStore(path: path, threads: 1, plan: plan), kernels: .best, context: 64,
                    threads: 2, isSmall: true)
                let found = [run(decoder, reach: 0), run(decoder, reach: 1), run(decoder, reach: nil)]
                for (found, expected) in zip(found, expected) {
                    #expect(zip(found, expected).allSatisfy { $0 == $1 }, "\(capacity)")
                }
                _ = run(decoder, reach: 0)
                decoder.refineAllLogits()
                #expect(logits(decoder) == expected[2].last?.logits)
                #expect(decoder.takeFault() == nil)
                let counts = try #require(decoder.weights.cache?.total)
                #expect((counts.missed > 0) == (capacity < 2048))
            }
        }
    }

    /// When memory becomes short rows of the head are the first to go, and never the bounds: draws depend on those, and must
    /// not on the budget.
    @Test func boundsMakeRoomForTheHead() async throws {
        try await withStore(.f16, vocabulary: 8192, isTied: false) { path in
            let model = try StoreInspection(path: path)
            let all = model.tensors.reduce(0) { $0 + $1.elements.rawBytes + ($1.planes?.rawBytes ?? 0) }
            let head = try #require(model.tensors.first { $0.name == "output" })
            func plan(_ budget: Int) throws -> MemoryPlan {
                try MemoryPlan(budget: budget, working: 1 << 20, model: model, gap: 4096) { _, _ in 1 }
            }
            let whole = try plan(all + 1 << 20)
            #expect(whole.cache == nil && whole.omitted.isEmpty && whole.resident == all)
            // The embedding, whose rows are read one by one, leaves room for all of them at first.
            for (missing, isAll) in [(1, true), (head.elements.rawBytes * 4 / 3, false)] {
                let short = try plan(all + 1 << 20 - missing)
                #expect(short.omitted.isEmpty)
                let rows = try #require(short.cache?.tensors.first { $0.name == "output" })
                #expect(rows.capacity > 0 && (rows.capacity == head.elements.frames.count) == isAll)
                // All other tensors are there, so that rows of the head have the rest: less than one more would fit.
                let used = short.working + short.resident + short.slots + short.arrivals
                #expect(used <= short.budget)
                #expect(isAll || used > short.budget - head.elements.rawBytes / 32)
            }
        }
    }

    @Test func bytesOfRowsLeftOutAreNotCounted() async throws {
        try await withStore(.q8_0, isTied: true) { path in
            let decoder = try decoder(path)
            let (rough, exact) = (
                try #require(decoder.weights.headBounds), Double(decoder.weights.bytesPerToken)
            )
            _ = decoder.takeCounts()
            decoder.step(1, at: 0)
            #expect(decoder.weights.bytesPerToken(decoder.takeCounts()) == exact)
            decoder.step(1, at: 0, reach: 0)
            let computed = zip(logits(decoder), bounds(decoder)).count { $0 != $1 }
            let rows = Double((exact - decoder.weights.bytesPerToken(decoder.takeCounts())))
            let saved = Double((517 - computed) * decoder.weights.output.rowBytes - 517 * rough.rowBytes)
            // An exact logit that is as large as its bound would not be seen here.
            #expect(abs(rows - saved) < Double(2 * decoder.weights.output.rowBytes), "\(rows), \(saved)")
        }
    }

    /// The bounds of the step before.
    private func bounds(_ decoder: Decoder) -> [Float] {
        guard let matrix = decoder.weights.headBounds else { return [] }
        let own = decoder.scratch.workers[0]
        let bounds = FloatSlice(SharedBuffer(count: matrix.rows))
        decoder.kernels.prepare(
            own.roughInput, matrix, own.input,
            values: FloatSlice(own.normed, 0..<decoder.parameters.embedding), isFloat: false)
        decoder.kernels.bound(into: bounds, matrix, own.roughInput, rows: 0..<matrix.rows)
        return bounds.buffer.elements(0..<matrix.rows)
    }

    @Test func factorsThatAreNoneAreRefused() throws {
        let layout = RoughRows(columns: 200)
        let region = ByteRegion(
            backing: .resident(SharedBuffer(count: 3 * layout.stride)), range: 0..<3 * layout.stride)
        func matrix(_ factors: [Float]) -> RoughMatrix? {
            RoughMatrix(rows: 3, layout: layout, region: region, factors: factors)
        }
        let good = (0..<200).map { $0 < layout.fine ? Float(-1) : 1 }
        #expect(matrix(good) != nil)
        #expect(matrix(Array(good.dropLast())) == nil)
        #expect(matrix(good.map(abs)) == nil)
        for value in [Float.nan, .infinity, 0, -1] { #expect(matrix(good.dropLast() + [value]) == nil) }
    }

    @Test func shortRowsHaveNoBounds() async throws {
        try await withDecoder(.q4_K, "llama", kernels: .best, threads: 1) { decoder, _ in
            #expect(decoder.weights.headBounds == nil)
            decoder.step(1, at: 0, reach: 0)
            #expect(decoder.logitFloor == -.infinity)
        }
    }
}
