import Importing
import Kernels
import Machine
import Support
import Tensors
import Testing

@testable import Decoder
@testable import WeightStore

/// Slots for weights have the memory of keys and values that nobody has written yet.
@Suite struct BorrowedMemoryTests {
    private static let context = 1024

    private func withStore<R>(_ body: (StoreInspection) throws -> R) async throws -> R {
        try await withTemporaryDirectory { folder in
            let model = SmallModel(
                .q4_K, architecture: "qwen2", layers: 5, embedding: 256, feedForward: 4096,
                contextLength: Self.context)
            try model.write(to: "\(folder)/m.gguf")
            _ = try await Importer.run(
                source: "\(folder)/m.gguf", target: "\(folder)/m.chess", compression: .none,
                overwrite: false, threads: 2, importer: "test", progress: { _ in })
            return try body(try StoreInspection(path: "\(folder)/m.chess"))
        }
    }

    private func decoder(_ model: StoreInspection, _ plan: MemoryPlan?) throws -> Decoder {
        try Decoder(
            store: try WeightStore(path: model.path, threads: 1, plan: plan?.cache), kernels: .best,
            context: Self.context, threads: 2, isSmall: plan != nil, lent: plan?.lent ?? 0)
    }

    /// The plan of a budget of `spare` bytes more than the least.
    private func plan(_ model: StoreInspection, spare: Int, lendable: [Int]) throws -> MemoryPlan {
        let working = 2 << 20
        func plan(_ budget: Int) throws(DecoderError) -> MemoryPlan {
            try MemoryPlan(budget: budget, working: working, lendable: lendable, model: model, gap: 0) {
                _, _ in 0.5
            }
        }
        do {
            return try plan(working)
        } catch DecoderError.budgetTooSmall(_, _, let least) {
            return try plan(least + spare)
        }
    }

    private func cache(_ format: CacheFormat = .half) -> KeyValueCache {
        KeyValueCache(layers: 2, heads: 3, headDimension: 64, context: 1000, format: format)
    }

    @Test func whatIsLentIsWithinTheBudgetAndLeavesAQuarterOfTheSlots() async throws {
        try await withStore { model in
            var seen: Set<Int> = []
            for spare in stride(from: 0, through: 3 << 20, by: 1 << 18) {
                let lendable = [3 << 18, 3 << 17, 3 << 15]
                let plan = try plan(model, spare: spare, lendable: lendable)
                #expect(plan.working == 2 << 20 - plan.lent)
                guard plan.cache != nil else { continue }
                #expect(plan.working + plan.resident + plan.slots + plan.arrivals <= plan.budget)
                #expect(plan.lent == 0 || lendable.contains(plan.lent))
                #expect(plan.lent == 0 || 3 * plan.slots >= 4 * plan.lent)
                seen.insert(plan.lent)
            }
            #expect(seen.contains(0) && seen.count >= 3, "\(seen)")
        }
    }

    /// As conversations grow, and others follow.
    @Test func slotsGiveMemoryBackBeforePositionsAreWritten() async throws {
        try await withStore { model in
            let whole = try decoder(model, nil)
            // Of positions from 512 on.
            let lendable = BorrowedMemory.lendable(whole.cache)[1]
            let plan = try plan(model, spare: 4 << 20, lendable: [lendable])
            try #require(plan.lent == lendable)
            let lending = try decoder(model, plan)
            let records = try #require(lending.weights.cache)
            var slots: Int { records.tensors.values.reduce(0) { $0 + $1.currentCapacity * $1.slotBytes } }
            let all = slots
            let text = (0..<Int32(Self.context)).map { ($0 * 7 + $0 / 11) % 40 }
            var left: [Int] = []
            for count in [20, 600, 1020, 400, 700, 500, 900] {
                for decoder in [lending, whole] {
                    #expect(decoder.prefill(Array(text[..<count]), at: 0))
                    for position in count..<count + 4 { decoder.step(text[position], at: position) }
                }
                #expect(logits(lending).map(\.bitPattern) == logits(whole).map(\.bitPattern), "\(count)")
                left.append(all - slots)
            }
            #expect(left[0] == 0 && left[1] > 0 && left[2] > left[1], "\(left)")
            // A little shorter is not worth the change.
            #expect(left[3] == 0 && left[4] == left[1] && left[5] == left[1] && left[6] == left[2], "\(left)")
            // A full context has all that was lent, and slots are rounded down.
            #expect(left[2] >= plan.lent && left[2] < plan.lent + all / 8, "\(left[2]) of \(plan.lent)")
            let arrived = records.total.mostArrived
            #expect(arrived > 0 && arrived <= plan.arrivals)
        }
    }

    @Test(arguments: CacheFormat.allCases)
    func pagesBehindAPositionGoBack(format: CacheFormat) {
        let cache = cache(format)
        let ones = FloatSlice(SharedBuffer([Float](repeating: 1, count: 64)))
        func fill() {
            for position in 0..<1000 {
                for head in 0..<3 {
                    for layer in 0..<2 {
                        cache.storeKey(ones, layer: layer, head: head, position: position, with: .best)
                        cache.storeValue(ones, layer: layer, head: head, position: position, with: .best)
                    }
                }
            }
        }
        let row = format.rowBytes(headDimension: 64)
        for first in [0, 1, 512, 999, 1000] {
            fill()
            cache.giveBack(from: first)
            for layer in 0..<2 {
                for head in 0..<3 {
                    let slice = cache.slice(layer: layer, head: head)
                    for buffer in [slice.keys, slice.values] {
                        let bytes = buffer.elements(slice.start..<slice.start + 1000 * row)
                        #expect(bytes[..<(first * row)].contains { $0 != 0 } == (first > 0))
                        // Whole rows, but for those in pages with rows that stay.
                        let kept = (0..<1000).filter { position in
                            bytes[position * row..<(position + 1) * row].contains { $0 != 0 }
                        }
                        #expect(kept.prefix(first).elementsEqual(0..<first))
                        let edge = 2 * (ProcessFacts.pageBytes / row + 1)
                        #expect(kept.count <= first + edge, "\(kept.count) of \(first)")
                    }
                }
            }
        }
    }

    @Test func bytesOfPositionsAreCountedInPages() {
        let cache = cache()
        #expect(cache.byteCount(of: 1000) == cache.byteCount)
        let page = ProcessFacts.pageBytes
        for positions in [1, 256, 512] {
            // Keys and values of six heads.
            let rows = 12 * positions * 128
            #expect(cache.byteCount(of: positions) >= rows)
            #expect(cache.byteCount(of: positions) <= rows + 12 * 2 * page)
        }
        let expected = [256, 512, 768].map { cache.byteCount - cache.byteCount(of: $0) }
        #expect(BorrowedMemory.lendable(cache) == expected)
    }
}
