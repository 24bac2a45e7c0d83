import Foundation
import Importing
import Kernels
import Machine
import Support
import Tensors
import Testing

@testable import Decoder
@testable import WeightStore

/// Decoding with weights that are read when they are wanted gives the bits that resident weights give.
@Suite struct RecordCacheTests {
    private let tokens: [Int32] = [3, 17, 8, 8, 30, 5, 11, 2, 39, 0, 17, 21]

    /// A share of the channels of every site is left out, another one for every token.
    private static func rules(_ model: ModelParameters) -> (SparsitySite, Int) -> SparsityProfile.Rule? {
        { site, _ in
            switch site {
            case .queryInput, .attentionOutput, .gateInput, .channels:
                let width = model.width(site)
                return SparsityProfile.Rule(limits: (0..<width).map { [0, 0.02, 0.2, 1e30][$0 % 4] })
            default: return nil
            }
        }
    }

    private func withStore<R>(
        _ type: ElementType, _ compression: Compression, layers: Int = 2,
        _ body: (String) async throws -> R
    ) async throws -> R {
        try await withTemporaryDirectory { folder in
            let size: (Int, Int) = type.blockElements == 256 ? (256, 1024) : (192, 704)
            var model = SmallModel(
                type, architecture: "qwen2", layers: layers, embedding: size.0, feedForward: size.1)
            // The head is needed whole, so that only an embedding apart from it can be read row by row.
            model.addMatrix("output.weight", model.vocabulary, model.embedding)
            try model.write(to: "\(folder)/m.gguf")
            _ = try await Importer.run(
                source: "\(folder)/m.gguf", target: "\(folder)/m.chess", compression: compression,
                overwrite: false, threads: 2, importer: "test", progress: { _ in })
            return try await body("\(folder)/m.chess")
        }
    }

    /// Every tensor that can be read in part, with `share` of its units in memory at most.
    private func plan(
        _ path: String, share: Double, gap: Int = 0, choice: CachePlan.Choice = .recent
    ) throws -> CachePlan {
        let tensors = try StoreInspection(path: path).tensors.compactMap { tensor -> CachePlan.Tensor? in
            let last = tensor.name.split(separator: ".").last ?? ""
            let isPartial =
                ["attn_q", "attn_output", "ffn_gate", "ffn"].contains(last)
                && tensor.name.hasPrefix("blk.")
            guard isPartial || tensor.name == "token_embd" else { return nil }
            return CachePlan.Tensor(
                name: tensor.name, layout: tensor.layout,
                capacity: Int(share * Double(tensor.elements.frames.count)),
                choice: isPartial ? choice : .recent)
        }
        #expect(tensors.count == 9)
        return CachePlan(tensors: tensors, gap: gap)
    }

    private func decoder(_ path: String, _ plan: CachePlan?, threads: Int = 2) throws -> Decoder {
        let store = try WeightStore(path: path, threads: 1, plan: plan)
        return try Decoder(
            store: store, kernels: .best, context: 64, threads: threads, isSmall: plan != nil)
    }

    /// The logits after a prompt, and after each step behind it; dense, sparse, and dense again.
    ///
    /// As bits: the numbers of a random model may be anything.
    private func run(_ decoder: Decoder) -> [[UInt32]] {
        var found: [[UInt32]] = []
        let sparse = decoder.plan(Self.rules(decoder.parameters))
        for plan in [nil, sparse, nil] {
            #expect(decoder.prefill(tokens, at: 0, plan: plan))
            found.append(bits(decoder))
            for (index, token) in tokens.enumerated() {
                decoder.step(token, at: tokens.count + index, plan: plan)
                found.append(bits(decoder))
            }
        }
        return found
    }

    private func bits(_ decoder: Decoder) -> [UInt32] { logits(decoder).map(\.bitPattern) }

    @Test(arguments: [ElementType.q4_K, .q6_K, .q4_1, .bf16], [Compression.none, .zstd(level: 3)])
    func everyCapacityGivesTheSameBits(type: ElementType, compression: Compression) async throws {
        try await withStore(type, compression) { path in
            let expected = run(try decoder(path, nil))
            for (share, gap, threads) in [(0.0, 0, 2), (0.3, 4096, 3), (0.3, 0, 1), (1.0, 1 << 20, 2)] {
                var plan = try plan(path, share: share, gap: gap)
                for isQueued in [true, false] {
                    plan.isQueued = isQueued
                    let decoder = try decoder(path, plan, threads: threads)
                    let isEqual = run(decoder) == expected
                    #expect(isEqual, "share \(share), gap \(gap), queue \(isQueued)")
                    #expect(decoder.takeFault() == nil)
                    let counts = try #require(decoder.weights.cache?.total)
                    #expect(counts.reads > 0 && counts.bytesRead > 0)
                    #expect((counts.missed > 0) == (share < 1) && counts.missed <= counts.wanted)
                    if share == 0 { #expect(counts.missed == counts.wanted) }
                }
            }
        }
    }

    /// The same model with the records of every tensor that lies by channel in another order.
    private func arrange(_ path: String, only part: String? = nil) throws -> String {
        let store = try StoreInspection(path: path)
        var orders: [String: RecordOrder] = [:]
        for tensor in store.tensors
        where tensor.layout.isByChannel && (part == nil || tensor.name.hasSuffix(".\(part ?? "")")) {
            // Every 37th: 37 shares no factor with a width.
            let count = tensor.layout.recordCount
            orders[tensor.name] = RecordOrder((0..<count).map { UInt32($0 * 37 % count) })
        }
        #expect(orders.count == (part == nil ? 4 : 1) * store.metadata.model.layers)
        let target = path + ".arranged"
        _ = try store.rewrite(to: target, orders: orders, level: 3, overwrite: false, threads: 2)
        return target
    }

    @Test(arguments: [ElementType.q4_K, .bf16], [Compression.none, .zstd(level: 3)])
    func everyOrderGivesTheSameBits(type: ElementType, compression: Compression) async throws {
        try await withStore(type, compression) { path in
            let expected = run(try decoder(path, nil))
            let arranged = try arrange(path)
            #expect(try StoreInspection(path: arranged).faults(threads: 2) == [])
            for residency in [Residency.mapped, .resident] {
                let store = try WeightStore(path: arranged, threads: 2, residency: residency)
                let decoder = try Decoder(store: store, kernels: .best, context: 64, threads: 2)
                #expect(run(decoder) == expected, "\(residency)")
            }
            let cut = try WeightStore(
                path: arranged, threads: 2, residency: .resident,
                panelled: ["blk.0.ffn_gate", "blk.1.attn_q"])
            let panels = try Decoder(store: cut, kernels: .best, context: 64, threads: 2)
            #expect(run(panels) == expected, "in panels")
            for path in [arranged, path] {
                try expect(expected, of: path)
            }
        }
    }

    /// Whatever stays in memory of a store, and however the rest is read, gives the bits of `expected`.
    private func expect(_ expected: [[UInt32]], of path: String) throws {
        for (share, gap) in [(0.0, 8192), (0.3, 0), (0.6, 1 << 20)] {
            for choice in [CachePlan.Choice.first, .recentOrFirst, .recent] {
                for isQueued in [true, false] {
                    var plan = try plan(path, share: share, gap: gap, choice: choice)
                    plan.isQueued = isQueued
                    let decoder = try decoder(path, plan)
                    #expect(
                        run(decoder) == expected, "\(path), \(share), gap \(gap), \(choice), \(isQueued)")
                    #expect(decoder.takeFault() == nil)
                }
            }
        }
    }

    /// Arranged twice, a store is what the last order says; back in the order of numbers it has the old bytes.
    @Test func anOrderReplacesAnother() async throws {
        try await withStore(.q4_1, .zstd(level: 3)) { path in
            let first = try StoreInspection(path: try arrange(path))
            var orders: [String: RecordOrder] = [:]
            for tensor in first.tensors where tensor.layout.isByChannel {
                orders[tensor.name] = RecordOrder(Array(0..<UInt32(tensor.layout.recordCount)))
            }
            _ = try first.rewrite(to: path + ".back", orders: orders, level: 3, overwrite: false, threads: 1)
            let (old, back) = (
                try WeightStore(path: path, threads: 1), try WeightStore(path: path + ".back", threads: 1)
            )
            for (name, tensor) in old.tensors {
                let other = try back.tensor(name)
                #expect(
                    other.codes.bytes(0..<other.codes.byteCount)
                        == tensor.codes.bytes(0..<tensor.codes.byteCount))
            }
        }
    }

    /// The first units of the file stay, whatever is wanted, where the plan says so.
    @Test func firstUnitsStay() async throws {
        try await withStore(.q4_K, .none) { path in
            for (path, step) in [(try arrange(path), 37), (path, 1)] {
                let decoder = try decoder(path, try plan(path, share: 0.25, gap: 8192, choice: .first))
                decoder.step(5, at: 0)
                for position in 1..<4 {
                    decoder.step(5, at: position, plan: decoder.plan(Self.rules(decoder.parameters)))
                }
                let width = decoder.parameters.feedForward
                let bundles = try #require(decoder.weights.layers[1].cached.bundles)
                #expect(bundles.residentRecords == (0..<width / 4).map { $0 * step % width }.sorted())
            }
        }
    }

    /// Once all is in memory nothing is read but the embedding.
    @Test func whatFitsIsReadOnce() async throws {
        try await withStore(.q4_K, .none) { path in
            var plan = try plan(path, share: 1)
            plan.tensors.removeAll { $0.name == "token_embd" }
            let decoder = try decoder(path, plan)
            let opened = try #require(decoder.weights.cache?.total)
            #expect(opened.wanted == 0 && opened.missed == 0 && opened.bytesRead > 0)
            decoder.step(5, at: 0)
            let first = try #require(decoder.weights.cache?.total)
            decoder.step(5, at: 1)
            let second = try #require(decoder.weights.cache?.total)
            #expect(first.wanted > 0 && second.wanted == 2 * first.wanted && second.missed == 0)
            #expect(second.bytesRead == opened.bytesRead)
        }
    }

    /// Units that are wanted again and again get the slots.
    @Test func wantedUnitsStay() async throws {
        try await withStore(.q4_K, .none) { path in
            let decoder = try decoder(path, try plan(path, share: 0.5))
            let plan = decoder.plan { site, _ in
                guard site == .channels else { return nil }
                // The second half of the channels is never wanted.
                let width = decoder.parameters.feedForward
                return SparsityProfile.Rule(limits: (0..<width).map { $0 < width / 2 ? 0 : 1e30 })
            }
            decoder.step(5, at: 0)
            for position in 1..<8 { decoder.step(5, at: position, plan: plan) }
            let bundles = try #require(decoder.weights.layers[0].cached.bundles)
            let resident = bundles.residentRecords
            #expect(resident == Array(0..<decoder.parameters.feedForward / 2))
        }
    }

    /// A channel that is not in memory must be worth a read; nothing is read for others, and with nothing but those
    /// the result is that of leaving them out.
    @Test func absentChannelsMustBeWorthARead() async throws {
        try await withStore(.q4_K, .none) { path in
            let budgeted = try decoder(path, try plan(path, share: 0))
            let resident = try decoder(path, nil)
            func rule(_ limit: Float) -> (SparsitySite, Int) -> SparsityProfile.Rule? {
                { site, _ in site == .channels ? SparsityProfile.Rule(limits: [limit]) : nil }
            }
            let plan = budgeted.plan(absentFactor: 4, rule(0.05))
            budgeted.step(5, at: 0, plan: plan)
            resident.step(5, at: 0, plan: resident.plan(rule(0.2)))
            #expect(bits(budgeted) == bits(resident))
            let counted = budgeted.takeCounts(of: plan)
            let expected = resident.takeCounts(of: resident.plan(rule(0.2)))
            #expect(counted.kept(.channels, 0) == expected.kept(.channels, 0))
            #expect(counted.kept(.channels, 0) < budgeted.parameters.feedForward)
        }
    }

    // MARK: - Less memory for a while

    /// After a prompt and every step: shrinks, grows, shrinks again, at once or at the next fetch.
    private func run(_ decoder: Decoder, _ shares: [Double], at once: Bool) throws -> [[UInt32]] {
        let cache = try #require(decoder.weights.cache)
        var (found, count) = ([[UInt32]](), 0)
        func next() {
            found.append(bits(decoder))
            cache.share = shares[count % shares.count]
            if once { cache.resize() }
            count += 1
        }
        let sparse = decoder.plan(Self.rules(decoder.parameters))
        for plan in [nil, sparse, nil] {
            #expect(decoder.prefill(tokens, at: 0, plan: plan))
            next()
            for (index, token) in tokens.enumerated() {
                decoder.step(token, at: tokens.count + index, plan: plan)
                next()
            }
        }
        return found
    }

    /// Ranked units and pinned ones, with what is read ahead when the capacity changes.
    @Test(arguments: [(Compression.none, true), (.zstd(level: 3), false)])
    func everyShareGivesTheSameBits(compression: Compression, atOnce: Bool) async throws {
        try await withStore(.q4_K, compression) { path in
            let expected = run(try decoder(path, nil))
            let arranged = try arrange(path)
            for (file, gap, isQueued) in [
                (path, 0, true), (arranged, 0, true), (arranged, 8192, true),
                (arranged, 8192, false),
            ] {
                var plan = try plan(file, share: 0.8, gap: gap)
                plan.isQueued = isQueued
                let decoder = try decoder(file, plan)
                let shares = [0.25, 0.75, 0, 1, 0.3, 0.31, 1]
                #expect(try run(decoder, shares, at: atOnce) == expected, "\(gap), \(isQueued), \(file)")
                #expect(decoder.takeFault() == nil)
            }
        }
    }

    /// No more units stay than the share allows, and as many as before once it has grown again.
    @Test(arguments: [0, 8192]) func fewerUnitsStay(gap: Int) async throws {
        try await withStore(.q4_K, .none) { path in
            let arranged = try arrange(path)
            let choice: CachePlan.Choice = gap > 0 ? .first : .recentOrFirst
            let decoder = try decoder(arranged, try plan(arranged, share: 0.5, gap: gap, choice: choice))
            let cache = try #require(decoder.weights.cache)
            let bundles = try #require(decoder.weights.layers[1].cached.bundles)
            let (width, isPinned) = (decoder.parameters.feedForward, gap > 0)
            for (position, share) in [1, 0.5, 0.25, 0.75, 1].enumerated() {
                cache.share = share
                decoder.step(5, at: 2 * position)
                decoder.step(5, at: 2 * position + 1)
                let count = Int(Double(width / 2) * share)
                #expect(bundles.residentRecords.count == count, "share \(share)")
                if isPinned {
                    #expect(bundles.residentRecords == (0..<count).map { $0 * 37 % width }.sorted())
                }
            }
        }
    }

    /// The memory of slots that are no more is the machine's again.
    @Test func shrinkingGivesMemoryBack() async throws {
        try await withStore(.q4_K, .none) { path in
            let decoder = try decoder(path, try plan(path, share: 0.9))
            let cache = try #require(decoder.weights.cache)
            decoder.step(5, at: 0)
            func touched() -> Int {
                stride(from: 0, to: cache.memory.count & ~4095, by: 4096).count { page in
                    cache.memory.elements(page..<page + 4096).contains { $0 != 0 }
                }
            }
            let before = touched()
            cache.share = 0.25
            cache.resize()
            let slots = cache.tensors.values.map { $0.capacity * $0.slotBytes }
            let wanted = slots.reduce(0) { $0 + $1 * 3 / 4 / 4096 - 2 }
            #expect(wanted > 100 && before - touched() >= wanted, "\(before) pages, then \(touched())")
        }
    }

    // MARK: - Storage that fails

    private func flip(_ path: String, at offset: Int) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seek(toOffset: UInt64(offset))
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: [byte ^ 0x10])
        try file.synchronize()
        try file.close()
    }

    @Test(arguments: [true, false]) func damageIsAnErrorUntilItIsMended(isQueued: Bool) async throws {
        try await withStore(.q4_K, .none) { path in
            let expected = run(try decoder(path, nil))
            var plan = try plan(path, share: 0.3)
            plan.isQueued = isQueued
            let decoder = try decoder(path, plan)
            #expect(run(decoder) == expected)
            for tensor in try StoreInspection(path: path).tensors where tensor.name.hasPrefix("blk.1.ffn") {
                guard case .vector = tensor.layout else {
                    // Units without a slot are read for every dense token: one of the last is.
                    for unit in 0..<tensor.elements.frames.count {
                        try flip(path, at: tensor.elements.offset + unit * tensor.elements.frameBytes)
                    }
                    decoder.step(5, at: 0)
                    let fault = try #require(decoder.takeFault())
                    guard case .checksum(path, let part, _, _, _) = fault else {
                        Issue.record("\(fault)")
                        return
                    }
                    #expect(part.hasPrefix("tensor \(tensor.name)"))
                    for unit in 0..<tensor.elements.frames.count {
                        try flip(path, at: tensor.elements.offset + unit * tensor.elements.frameBytes)
                    }
                    #expect(run(decoder) == expected)
                    #expect(decoder.takeFault() == nil)
                    continue
                }
            }
        }
    }

    @Test(arguments: [true, false]) func aShorterFileIsAnErrorUntilItIsRestored(isQueued: Bool) async throws {
        try await withStore(.q4_K, .none) { path in
            let expected = run(try decoder(path, nil))
            var plan = try plan(path, share: 0.3)
            plan.isQueued = isQueued
            let decoder = try decoder(path, plan)
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            for length in [0, 4096, whole.count / 2] {
                #expect(truncate(path, off_t(length)) == 0)
                #expect(!decoder.prefill(tokens, at: 0))
                let fault = try #require(decoder.takeFault())
                guard case .file(let error) = fault else {
                    Issue.record("\(fault)")
                    return
                }
                #expect(error.description.contains("shorter"))
                let file = try #require(FileHandle(forWritingAtPath: path))
                try file.write(contentsOf: whole)
                try file.synchronize()
                try file.close()
                #expect(run(decoder) == expected)
            }
        }
    }

    @Test func aStoreThatIsReplacedGoesOn() async throws {
        try await withStore(.q4_K, .none) { path in
            let expected = run(try decoder(path, nil))
            let decoder = try decoder(path, try plan(path, share: 0.3))
            try Data("no model".utf8).write(to: URL(fileURLWithPath: path + ".new"))
            #expect(rename(path + ".new", path) == 0)
            #expect(run(decoder) == expected)
        }
    }

    // MARK: - Budgets

    /// As imported, where a read costs nothing; with an order for every tensor; with one for the bundles alone, so that
    /// what is missing of the others lies anywhere; and as imported, where a read costs much.
    @Test(arguments: [Compression.none, .zstd(level: 1)], [0, 1, 2, 3])
    func plansStayWithinTheBudget(compression: Compression, arrangement: Int) async throws {
        try await withStore(.q4_K, compression, layers: 5) { imported in
            let gap = arrangement == 0 ? 0 : 8192
            let path =
                arrangement % 3 == 0
                ? imported : try arrange(imported, only: arrangement == 1 ? nil : "ffn")
            let model = try StoreInspection(path: path)
            let all = model.tensors.reduce(0) { $0 + $1.elements.rawBytes + ($1.planes?.rawBytes ?? 0) }
            let working = 1 << 20
            var needed = 0
            do {
                _ = try MemoryPlan(budget: working, working: working, model: model, gap: gap) { _, _ in 0.5 }
                Issue.record("a budget without room for weights was accepted")
            } catch DecoderError.budgetTooSmall(path, working, let least) {
                needed = least
            }
            #expect(needed > working && needed < working + all)
            var last = -1
            for budget in stride(from: needed, to: working + all, by: (working + all - needed) / 10) {
                let plan = try MemoryPlan(budget: budget, working: working, model: model, gap: gap) { _, _ in
                    0.5
                }
                #expect(plan.cache != nil)
                #expect(plan.working + plan.resident + plan.slots + plan.arrivals <= budget)
                // Room for what is read ahead of a file as imported is taken from the slots once there is as much.
                if arrangement != 3 { #expect(plan.slots + plan.resident >= last) }
                last = plan.slots + plan.resident
                let decoder = try decoder(path, plan.cache)
                _ = run(decoder)
                let arrived = try #require(decoder.weights.cache?.total.mostArrived)
                #expect(arrived > 0 && arrived <= plan.arrivals)
            }
            let whole = try MemoryPlan(budget: working + all, working: working, model: model, gap: gap) {
                _, _ in 1
            }
            #expect(whole.cache == nil && whole.resident == all)
        }
    }

    /// Where a read costs much, the first units of a file as imported stay if most of the others are wanted; where little
    /// is, or a read costs nothing, or that is ruled out, those that were wanted last.
    @Test func whatStaysFollowsFromWhatAReadCosts() async throws {
        try await withStore(.q4_K, .none, layers: 5) { path in
            let model = try StoreInspection(path: path)
            var budget = 0
            do {
                _ = try MemoryPlan(budget: 1, working: 0, model: model, gap: 0) { _, _ in 0.5 }
            } catch DecoderError.budgetTooSmall(_, _, let least) {
                budget = least + (model.rawBytes() - least) * 3 / 4
            }
            func choices(gap: Int, kept: Double, isPinnable: Bool = true) throws -> Set<CachePlan.Choice> {
                let plan = try MemoryPlan(
                    budget: budget, working: 0, model: model, gap: gap, isPinnable: isPinnable
                ) { _, _ in kept }
                let cache = try #require(plan.cache)
                return Set(cache.tensors.filter { $0.capacity > 0 }.map(\.choice))
            }
            #expect(try choices(gap: 16384, kept: 0.5) == [.first])
            #expect(try choices(gap: 16384, kept: 1) == [.first])
            #expect(try choices(gap: 16384, kept: 0.01) == [.recent])
            #expect(try choices(gap: 0, kept: 0.5) == [.recent])
            #expect(try choices(gap: 16384, kept: 0.5, isPinnable: false) == [.recent])
        }
    }

    @Test(
        arguments: [
            ("700M", 700 << 20), ("1G", 1 << 30), ("1.5g", 3 << 29), ("4096", 4096), ("12k", 12 << 10),
        ])
    func budgetsAreRead(text: String, bytes: Int) {
        #expect(MemoryBudget(text) == .bytes(bytes))
    }

    @Test(arguments: ["", "M", "-1M", "0", "12MB", "nan", "inf", "1e99", "aut0"])
    func nonsenseIsNoBudget(text: String) {
        #expect(MemoryBudget(text) == nil)
    }

    @Test func theMachineHasABudget() {
        #expect(MemoryBudget("auto") == .auto)
        #expect(MemoryBudget.auto.resolved > 1 << 20)
    }
}
