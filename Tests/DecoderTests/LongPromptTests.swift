import Importing
import Kernels
import Machine
import Support
import Synchronization
import Tensors
import Testing

@testable import Decoder
@testable import WeightStore

/// Where weights are read from storage, several batches of a prompt go through a layer together.
@Suite struct LongPromptTests {
    private static let context = 1200
    private let text = (0..<Int32(Self.context)).map { ($0 * 7 + $0 / 11) % 40 }

    private func withStore<R>(_ body: (StoreInspection) throws -> R) async throws -> R {
        try await withTemporaryDirectory { folder in
            var model = SmallModel(
                .q4_K, architecture: "qwen2", layers: 3, embedding: 256, feedForward: 1024,
                contextLength: Self.context)
            // An embedding apart from the head is read row by row.
            model.addMatrix("output.weight", model.vocabulary, model.embedding)
            try model.write(to: "\(folder)/m.gguf")
            _ = try await Importer.run(
                source: "\(folder)/m.gguf", target: "\(folder)/m.chess", compression: .none,
                overwrite: false, threads: 2, importer: "test", progress: { _ in })
            return try body(try StoreInspection(path: "\(folder)/m.chess"))
        }
    }

    /// A third of the units of the tensors with the names `parts` is in memory at most.
    private func cache(_ model: StoreInspection, _ parts: [String]) -> CachePlan {
        let tensors = model.tensors.filter { tensor in
            tensor.name == "token_embd"
                || parts.contains { tensor.name == $0 || tensor.name.hasSuffix(".\($0)") }
        }
        return CachePlan(
            tensors: tensors.map { tensor in
                CachePlan.Tensor(
                    name: tensor.name, layout: tensor.layout, capacity: tensor.elements.frames.count / 3)
            }, gap: 0)
    }

    private func decoder(
        _ model: StoreInspection, _ plan: CachePlan?, threads: Int = 2, passParts: Int = 1
    ) throws -> Decoder {
        try Decoder(
            store: try WeightStore(path: model.path, threads: 1, plan: plan), kernels: .best,
            context: Self.context, threads: threads, isSmall: plan != nil, passParts: passParts)
    }

    /// Some channels of every site are left out, as all methods together might.
    private func plan(_ decoder: Decoder) -> SparsityPlan {
        let model = decoder.parameters
        return decoder.plan { site, _ in
            SparsityProfile.Rule(limits: (0..<model.width(site)).map { [0, 0.02, 0.2, 1e30][$0 % 4] })
        }
    }

    private func bits(_ decoder: Decoder) -> [UInt32] { logits(decoder).map(\.bitPattern) }

    /// With gates that are read, with gates that are in memory, and with one that is read.
    @Test(arguments: [
        ["attn_q", "attn_output", "ffn_gate", "ffn"], ["attn_output", "ffn"], ["ffn_gate"],
        ["blk.1.ffn_gate", "ffn"],
    ])
    func passesOfSeveralBatchesGiveTheSameBitsAndReadLess(parts: [String]) async throws {
        try await withStore { model in
            let whole = try decoder(model, nil)
            let plan = cache(model, parts)
            let each = try decoder(model, plan)
            let together = try [1, 2, 3].map { try decoder(model, plan, threads: $0, passParts: 3) }
            // One batch; two, of which the second has one token; passes of three, the last of them with one batch.
            for (start, count) in [(0, 128), (128, 129), (257, 384), (0, 1025)] {
                for isSparse in [false, true] {
                    let tokens = Array(text[start..<start + count])
                    func run(_ decoder: Decoder) throws -> (bits: [UInt32], read: Int, kept: [Int]) {
                        let sparsity = isSparse ? self.plan(decoder) : nil
                        _ = decoder.takeCounts(of: sparsity)
                        let before = decoder.weights.cache?.total.bytesRead ?? 0
                        #expect(decoder.prefill(tokens, at: start, plan: sparsity))
                        let read = (decoder.weights.cache?.total.bytesRead ?? 0) - before
                        let counts = decoder.takeCounts(of: sparsity)
                        let kept = SparsitySite.allCases.flatMap { site in
                            (0..<3).map { counts.kept(site, $0) }
                        }
                        decoder.step(7, at: start + count, plan: sparsity)
                        #expect(decoder.takeFault() == nil)
                        return (bits(decoder), read, kept)
                    }
                    let expected = try run(whole)
                    let reference = try run(each)
                    #expect(reference.bits == expected.bits)
                    for decoder in together {
                        let found = try run(decoder)
                        #expect(found.bits == expected.bits, "\(count) at \(start), \(decoder.threadCount)")
                        #expect(found.kept == expected.kept)
                        // Rows of the embedding are read in either case.
                        if count > 128 { #expect(found.read < reference.read) }
                    }
                }
            }
        }
    }

    /// Also where the head is read: as often as four tokens need it, or as 32 do.
    @Test func logitsOfEachTokenAreThoseOfSingleBatches() async throws {
        try await withStore { model in
            let plan = cache(model, ["ffn_gate", "ffn", "output"])
            let decoders = [
                try decoder(model, nil), try decoder(model, plan), try decoder(model, plan, passParts: 4),
            ]
            let found = decoders.map { decoder in
                var found: [[UInt32]] = []
                let isDone = decoder.prefill(
                    Array(text[..<600]), at: 0,
                    eachLogits: { index, logits in
                        guard index == found.count else { return }
                        found.append((0..<logits.count).map { logits[$0].bitPattern })
                    })
                #expect(isDone && found.count == 600)
                return found
            }
            let isEqual = found.allSatisfy { $0 == found[0] }
            #expect(isEqual)
            #expect(decoders[2].weights.outputRecords != nil)
            let units = decoders.map { $0.weights.cache?.total.wanted ?? 0 }
            #expect(units[2] > 0 && units[2] < units[1], "\(units)")
        }
    }

    /// Wherever it happens, what has a slot is what was read.
    @Test(arguments: [["attn_q", "attn_output", "ffn_gate", "ffn"], ["ffn"]])
    func aPassThatIsCancelledLeavesNothingBehind(parts: [String]) async throws {
        try await withStore { model in
            let (long, short) = (Array(text[..<500]), Array(text[..<100]))
            let whole = try decoder(model, nil)
            let expected = [long, short].map { tokens in
                #expect(whole.prefill(tokens, at: 0))
                return bits(whole)
            }
            let decoder = try decoder(model, cache(model, parts), threads: 3, passParts: 4)
            // Asked twice or three times for a part of a layer: four parts or one, and three layers. Behind a long prompt
            // slots are free, which units get that a short one reads.
            for most in [0, 1, 2, 3, 4, 5, 7, 9, 13, 20, 23] {
                for (tokens, expected) in zip([long, short], expected) where tokens.count > 100 || most < 6 {
                    let asked = Atomic(0)
                    let isDone = decoder.prefill(tokens, at: 0) {
                        asked.add(1, ordering: .relaxed).oldValue >= most
                    }
                    #expect(!isDone && decoder.takeFault() == nil)
                    #expect(asked.load(ordering: .relaxed) == most + 1)
                    #expect(decoder.prefill(tokens, at: 0))
                    #expect(bits(decoder) == expected, "\(tokens.count) tokens, cancelled after \(most)")
                }
            }
        }
    }

    @Test func slotsMakeRoomForAPassWithinTheBudget() async throws {
        try await withStore { model in
            let working = 2 << 20
            let perPart = 25_000
            func plan(_ budget: Int) throws(DecoderError) -> MemoryPlan {
                try MemoryPlan(
                    budget: budget, working: working, model: model, gap: 0,
                    passBytes: { parts, isGateRead in parts * (isGateRead ? 2 : 1) * perPart }
                ) { _, _ in 0.5 }
            }
            var least = 0
            do { _ = try plan(working) } catch DecoderError.budgetTooSmall(_, _, let needed) {
                least = needed
            }
            var seen: Set<Int> = []
            for budget in stride(from: least, to: working + model.rawBytes(), by: 1 << 16) {
                let plan = try plan(budget)
                #expect(plan.working + plan.resident + plan.slots + plan.arrivals <= budget)
                seen.insert(plan.passParts)
                guard plan.passParts > 1 else { continue }
                let isGateRead = try #require(plan.cache).tensors.contains { $0.name.hasSuffix("ffn_gate") }
                #expect(4 * plan.passParts * (isGateRead ? 2 : 1) * perPart <= 3 * plan.slots)
            }
            #expect(seen == [1, 2, 4, 8], "\(seen)")
        }
    }

    @Test func slotsComeBackBehindThePrompt() async throws {
        try await withStore { model in
            let decoder = try decoder(model, cache(model, ["ffn"]), passParts: 4)
            let records = try #require(decoder.weights.cache)
            var slots: Int { records.tensors.values.reduce(0) { $0 + $1.currentCapacity * $1.slotBytes } }
            let all = slots
            let during = Mutex(all)
            #expect(
                decoder.prefill(Array(text[..<512]), at: 0) {
                    during.withLock { $0 = min($0, slots) }
                    return false
                })
            let taken = all - during.withLock { $0 }
            let bytes = PassScratch.byteCount(decoder.parameters, tokens: 512, isGateRead: false)
            #expect(taken >= min(bytes, all) && taken < bytes + all / 8, "\(taken) of \(bytes)")
            decoder.step(1, at: 512)
            #expect(slots == all)
        }
    }

    @Test(arguments: [false, true])
    func whatAPassTakesIsCounted(isGateRead: Bool) async throws {
        try await withStore { model in
            let shape = model.metadata.model
            let before = MemoryTally.bytes
            let scratch = PassScratch(shape, tokens: 512, isGateRead: isGateRead)
            let taken = withExtendedLifetime(scratch) { MemoryTally.bytes - before }
            let counted = PassScratch.byteCount(shape, tokens: 512, isGateRead: isGateRead)
            // Each buffer ends with a little more than is asked for.
            #expect(taken >= counted && taken <= counted + 5 * 64 * 4)
        }
    }
}
