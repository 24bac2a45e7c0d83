internal import Machine
package import WeightStore

/// How a decoder's memory is divided under a budget that counts everything the process takes.
package struct MemoryPlan: Sendable {
    /// What the process may take, in bytes.
    package let budget: Int
    /// What it takes besides weights: its code, the KV cache of a full context but for what is lent, scratch, connections.
    package let working: Int
    /// Bytes of the KV cache that are counted as slots until a conversation needs them.
    package let lent: Int
    /// Weights that are all in memory.
    package let resident: Int
    /// Slots for weights of which some are in memory, and room to read into.
    package let slots: Int
    package let arrivals: Int
    /// `nil` when all weights fit.
    package let cache: CachePlan?
    /// Tensors to do without: the bounds of a head whose rows are foretold.
    package let omitted: Set<String>
    /// Batches of a prompt that are taken through a layer together, so that what is read is read once for all: slots give up
    /// what that takes, as long as it lasts.
    package let passParts: Int
    /// Whether the file's channels lie in the order in which tokens want them, as `chessctl arrange` puts them.
    package let isArranged: Bool

    /// What connections and the allocator may take beyond what is counted.
    static let reserve = 12 << 20

    /// Divides `budget`.
    ///
    /// - Parameters:
    ///   - working: bytes besides weights.
    ///   - lendable: how many of them slots can have for a while, the most first: the first that leaves them a quarter when
    ///     it is given back is lent.
    ///   - headCandidates: rows of the head that a token computes, where the store can foretell the others; 0 for all.
    ///   - passBytes: what a pass of so many batches takes, where gates are read from storage or are not; `nil` for
    ///     passes of one.
    ///   - kept: the share of channels that a token needs at a site of a layer, 1 where nothing is left out.
    ///   - gap: see `CachePlan.gap`.
    ///   - isPinnable: false where so little is missing that the last units to be wanted are the best to keep, whatever
    ///     the order of the file and however much a read costs.
    /// - Throws: `DecoderError.budgetTooSmall` when what must be in memory does not fit.
    package init(
        budget: Int, working: Int, lendable: [Int] = [], model: StoreInspection, gap: Int,
        isPinnable: Bool = true, headCandidates: Int = 0, passBytes: ((Int, Bool) -> Int)? = nil,
        kept: (SparsitySite, Int) -> Double
    ) throws(DecoderError) {
        let demand = WeightDemand(
            model, headCandidates: headCandidates, gap: gap, isPinnable: isPinnable, kept: kept)
        func plan(lent: Int, parts: Int, left: Double) throws(DecoderError) -> MemoryPlan {
            try MemoryPlan(
                demand, model, budget: budget, working: working - lent, lent: lent, passParts: parts,
                left: left)
        }
        // The more slots are left, the less can arrive at once, which is room for more: the most that holds its word.
        func lending(_ lent: Int, parts: Int) throws(DecoderError) -> MemoryPlan? {
            var (best, least, most) = (MemoryPlan?.none, Self.leastLeft, 1.0)
            var left = least
            for _ in 0..<Self.refinements {
                let next = try plan(lent: lent, parts: parts, left: left)
                let pass = parts > 1 ? passBytes?(parts, next.isGateRead) ?? 0 : 0
                if Double(lent + pass) <= (1 - left) * Double(next.slots) {
                    (best, least) = (next, left)
                } else if best == nil {
                    return nil
                } else {
                    most = left
                }
                left = (least + most) / 2
            }
            return best
        }
        // What must be in memory has to fit beside a full context.
        var best = try plan(lent: 0, parts: 1, left: 1)
        for bytes in lendable where best.cache != nil && best.lent == 0 {
            best = try lending(bytes, parts: 1) ?? best
        }
        for parts in PassScratch.partChoices
        where passBytes != nil && best.cache != nil && best.passParts == 1 {
            best = try lending(best.lent, parts: parts) ?? best
        }
        self = best
    }

    /// Whether some gate is not in memory as a whole.
    private var isGateRead: Bool {
        cache?.tensors.contains { Self.site(of: $0.name)?.0 == .gateInput } ?? false
    }

    /// The part of the slots that is left when what was lent is given back, at least.
    private static let leastLeft = 0.25

    /// - Parameters:
    ///   - working: bytes besides weights, without what is lent.
    ///   - left: the part of the slots that is left in any case.
    private init(
        _ demand: WeightDemand, _ model: StoreInspection, budget: Int, working: Int, lent: Int,
        passParts: Int, left: Double
    ) throws(DecoderError) {
        (self.budget, self.working, self.lent, self.passParts) = (budget, working, lent, passParts)
        isArranged = !model.arrangedTensors.isEmpty
        if Self.fits(model, budget: budget, working: working) {
            (omitted, resident, slots, arrivals, cache) = ([], model.rawBytes(), 0, 0, nil)
            return
        }
        var division = RoomDivision(demand.partial, part: demand.part, left: left)
        let least = working + demand.needed + division.bytes
        guard least <= budget else {
            throw .budgetTooSmall(path: model.path, budget: budget, needed: least)
        }
        var headUnits = demand.head?.capacity(room: budget - least) ?? 0
        let headBytes = headUnits * (demand.head?.segment.frameBytes ?? 0)
        let room = budget - working - demand.needed - headBytes
        division.divide(room)
        if demand.isPinnable, division.choose(gap: demand.gap, spare: budget - least - headBytes) {
            division.divide(room)
        }
        // Where the others are in memory as a whole, what is left is more than the rows that tokens mostly want.
        headUnits += demand.head?.more(than: headUnits, room: room - division.bytes) ?? 0

        var plan = CachePlan(tensors: demand.embedding.map { [$0] } ?? [], gap: demand.gap)
        var (resident, slots) = (demand.needed, 0)
        if let head = demand.head {
            slots += headUnits * head.segment.frameBytes
            plan.tensors.append(CachePlan.Tensor(name: head.name, layout: head.layout, capacity: headUnits))
        }
        for (tensor, share) in zip(division.tensors, division.shares) {
            guard share < 1 else {
                resident += tensor.segment.rawBytes
                continue
            }
            let capacity = tensor.capacity(share)
            slots += capacity * tensor.segment.frameBytes
            resident += tensor.tableBytes
            plan.tensors.append(
                CachePlan.Tensor(
                    name: tensor.name, layout: tensor.layout, capacity: capacity, choice: tensor.choice))
        }
        (self.resident, self.slots, arrivals, cache) = (resident, slots, division.arriving, plan)
        omitted = demand.omitted
    }

    private static let refinements = 10

    /// Whether all weights fit into a budget that also has to hold `working` bytes.
    static func fits(_ model: StoreInspection, budget: Int, working: Int) -> Bool {
        working + model.rawBytes() <= budget
    }

    /// The site whose mask decides which channels of a tensor are wanted, and its layer; `nil` for tensors that every
    /// token needs whole.
    static func site(of tensor: String) -> (SparsitySite, Int)? {
        let parts = tensor.split(separator: ".")
        guard parts.count == 3, parts[0] == "blk", let layer = Int(parts[1]) else { return nil }
        return switch parts[2] {
        case "attn_q": (.queryInput, layer)
        case "attn_output": (.attentionOutput, layer)
        case "ffn_gate": (.gateInput, layer)
        case "ffn": (.channels, layer)
        default: nil
        }
    }
}
