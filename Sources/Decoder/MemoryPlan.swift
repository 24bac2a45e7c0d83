internal import Glibc
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
    /// Tensors to do without: the bounds of a head that is in memory as a whole, when they do not fit beside all other
    /// weights.
    package let omitted: Set<String>
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
    ///   - kept: the share of channels that a token needs at a site of a layer, 1 where nothing is left out.
    ///   - gap: see `CachePlan.gap`.
    ///   - isPinnable: false where so little is missing that the last units to be wanted are the best to keep, whatever
    ///     the order of the file and however much a read costs.
    /// - Throws: `DecoderError.budgetTooSmall` when what must be in memory does not fit.
    package init(
        budget: Int, working: Int, lendable: [Int] = [], model: StoreInspection, gap: Int,
        isPinnable: Bool = true, headCandidates: Int = 0, kept: (SparsitySite, Int) -> Double
    ) throws(DecoderError) {
        func plan(lent: Int, left: Double) throws(DecoderError) -> MemoryPlan {
            try MemoryPlan(
                budget: budget, working: working, lent: lent, left: left, model: model, gap: gap,
                isPinnable: isPinnable, headCandidates: headCandidates, kept: kept)
        }
        // What must be in memory has to fit beside a full context.
        var best = try plan(lent: 0, left: 1)
        for bytes in lendable where best.cache != nil && best.lent == 0 {
            // The more slots are left, the less can arrive at once, which is room for more.
            var left = Self.leastLeft
            for _ in 0..<Self.refinements {
                let lending = try plan(lent: bytes, left: left)
                let found = 1 - Double(bytes) / Double(max(lending.slots, 1))
                guard found >= left else { break }
                (best, left) = (lending, found)
            }
        }
        self = best
    }

    /// The part of the slots that is left when what was lent is given back, at least.
    private static let leastLeft = 0.25

    /// - Parameter left: the part of the slots that is left in any case.
    private init(
        budget: Int, working: Int, lent: Int, left: Double, model: StoreInspection, gap: Int,
        isPinnable: Bool, headCandidates: Int, kept: (SparsitySite, Int) -> Double
    ) throws(DecoderError) {
        self.lent = lent
        let working = working - lent
        self.budget = budget
        self.working = working
        isArranged = !model.arrangedTensors.isEmpty
        let tensors = model.tensors
        for omitted in [[], Self.expendable]
        where Self.fits(model, budget: budget, working: working, without: omitted) {
            self.omitted = omitted
            (resident, slots, arrivals, cache) = (model.rawBytes(without: omitted), 0, 0, nil)
            return
        }
        var plan = CachePlan(tensors: [], gap: gap)
        let arranged = isPinnable ? model.arrangedTensors : []
        let arrangedChoice: CachePlan.Choice = gap >= Self.pinningGap ? .first : .recentOrFirst
        let isTied = !tensors.contains { $0.name == "output" }
        let headName = isTied ? "token_embd" : "output"
        let isForetold = headCandidates > 0 && tensors.contains { $0.name == HeadPreviewName.weights }
        let isBounded = !isForetold && Self.isBounded(tensors, head: headName)
        omitted = isBounded ? [] : Self.expendable
        var head: (name: String, layout: StoredTensor.Layout, elements: Segment, planes: Segment?)?
        var candidates: [Candidate] = []
        var (needed, part) = (0, 0)
        for tensor in tensors where !omitted.contains(tensor.name) {
            needed += tensor.planes?.rawBytes ?? 0
            if isForetold || isBounded, tensor.name == headName {
                head = tensor
                part = max(part, Self.partBytes(tensor.elements))
                needed += Self.bookkeeping(tensor.layout, tensor.elements)
            } else if tensor.name == "token_embd", !isTied {
                plan.tensors.append(CachePlan.Tensor(name: tensor.name, layout: tensor.layout, capacity: 0))
                needed += Self.bookkeeping(tensor.layout, tensor.elements)
            } else if let (site, layer) = Self.site(of: tensor.name) {
                candidates.append(
                    Candidate(
                        name: tensor.name, layout: tensor.layout, segment: tensor.elements,
                        choice: arranged.contains(tensor.name) ? arrangedChoice : .recent,
                        kept: kept(site, layer)))
                part = max(part, Self.partBytes(tensor.elements))
            } else {
                needed += tensor.elements.rawBytes
            }
        }
        func room(toReceive shares: [Double], _ candidates: [Candidate]) -> Int {
            Self.arrivalBytes(zip(candidates, shares.map { $0 < 1 ? $0 * left : 1 }), part: part)
        }
        let nothing = candidates.map { _ in 0.0 }
        let least =
            working + needed + room(toReceive: nothing, candidates)
            + candidates.reduce(0) { $0 + $1.bytes(share: 0) }
        guard least <= budget else {
            throw .budgetTooSmall(path: model.path, budget: budget, needed: least)
        }
        var slots = 0
        if let head {
            let unit = head.elements.frameBytes
            let units =
                isForetold
                ? headCandidates
                : head.layout.elementBytes / Self.boundedShare / unit
            let capacity = min(
                Self.headSlots * units, head.elements.frames.count, (budget - least) / Self.headShare / unit)
            plan.tensors.append(CachePlan.Tensor(name: head.name, layout: head.layout, capacity: capacity))
            slots = capacity * unit
        }
        var shares = nothing
        var arriving = room(toReceive: shares, candidates)
        func divide() {
            // The more there is in memory, the less can arrive at once, which is room for more.
            for _ in 0..<Self.refinements {
                shares = Self.shares(candidates, room: budget - working - needed - slots - arriving)
                arriving = room(toReceive: shares, candidates)
            }
        }
        divide()
        if isPinnable {
            let choosing = zip(candidates, shares).map { candidate, share in
                var candidate = candidate
                if candidate.choice == .recent { candidate.choose(share: share, gap: gap) }
                return candidate
            }
            let more = room(toReceive: nothing, choosing) - room(toReceive: nothing, candidates)
            if least + slots + more <= budget {
                candidates = choosing
                divide()
            }
        }
        var whole = 0
        for (candidate, share) in zip(candidates, shares) {
            if share == 1 {
                whole += candidate.segment.rawBytes
            } else {
                let capacity = candidate.capacity(share)
                slots += capacity * candidate.segment.frameBytes
                needed += Self.bookkeeping(candidate.layout, candidate.segment)
                plan.tensors.append(
                    CachePlan.Tensor(
                        name: candidate.name, layout: candidate.layout, capacity: capacity,
                        choice: candidate.choice))
            }
        }
        resident = needed + whole
        self.slots = slots
        self.arrivals = arriving
        cache = plan
    }

    /// Whether the head's bounds leave room for other weights where its rows are fetched one by one.
    private static func isBounded(
        _ tensors: [(name: String, layout: StoredTensor.Layout, elements: Segment, planes: Segment?)],
        head name: String
    ) -> Bool {
        guard let head = tensors.first(where: { $0.name == name }),
            let bounds = tensors.first(where: { $0.name == HeadBoundsName.rows }),
            head.elements.frameBytes <= max(head.layout.fetchedFrameBytes, CachePlan.fetchedRowBytes)
        else { return false }
        let taken = bounds.elements.rawBytes + bookkeeping(head.layout, head.elements)
        return taken + head.layout.elementBytes * headSlots / boundedShare < head.layout.elementBytes
    }

    /// The part of a head that a token is taken to want beyond its bounds.
    private static let boundedShare = 64

    /// Tensors that a model can be used without.
    static let expendable: Set<String> = [HeadBoundsName.rows, HeadBoundsName.factors]

    /// Whether all weights fit into a budget that also has to hold `working` bytes.
    static func fits(
        _ model: StoreInspection, budget: Int, working: Int, without omitted: Set<String> = []
    ) -> Bool {
        working + model.rawBytes(without: omitted) <= budget
    }

    private static let refinements = 6

    /// From this gap on a read costs so much that what is missing of an arranged file should lie together. Below, hitting
    /// more often saves more.
    private static let pinningGap = 8192

    /// Room for what may arrive at once, to unpack it, and for what is read ahead.
    ///
    /// - Parameter part: bytes of what is fetched in parts, as slots are when they are filled first.
    private static func arrivalBytes(_ shares: some Sequence<(Candidate, Double)>, part: Int) -> Int {
        var (most, ahead) = (part, 0)
        for (candidate, share) in shares where share < 1 {
            let segment = candidate.segment
            let missing = (candidate.units - candidate.capacity(share)) * segment.frameBytes
            // What is missing anywhere is read with all that lies between.
            let isPinned = candidate.choice == .first
            let stored = isPinned ? min(segment.storedBytes, missing) : segment.storedBytes
            most = max(most, stored + (segment.encoding == .raw ? 0 : min(segment.rawBytes, missing)))
            if isPinned, case .bundle = candidate.layout {
                ahead = max(ahead, min(stored + (2 << 12), CachePlan.aheadBytes))
            }
        }
        // Pieces are widened to whole pages; what is read ahead is one.
        return most + (((most >> 20) + 16) << 12) + 2 * ahead
    }

    /// Room for a part of a tensor whose rows are fetched in parts, and for unpacking it.
    private static func partBytes(_ segment: Segment) -> Int {
        min(segment.storedBytes, CachePlan.partBytes)
            + (segment.encoding == .raw ? 0 : min(segment.rawBytes, 2 * CachePlan.partBytes))
    }

    /// Slots for rows of the head, as a multiple of those that a token computes: of twice as many 23 % miss, of four
    /// times as many 9 %, of eight times as many 3 % (Qwen2.5-Coder 1.5B). A bundle makes more of its bytes from there on.
    private static let headSlots = 4
    /// They get no more than this part of the room there is.
    private static let headShare = 4

    /// A tensor that may be in memory in part.
    private struct Candidate {
        let name: String
        let layout: StoredTensor.Layout
        let segment: Segment
        /// Which of its units stay.
        var choice: CachePlan.Choice
        /// The share of its units that a token needs, on average.
        let wanted: Double

        init(
            name: String, layout: StoredTensor.Layout, segment: Segment, choice: CachePlan.Choice,
            kept: Double
        ) {
            self.choice = choice
            self.name = name
            self.layout = layout
            self.segment = segment
            let records = Double(segment.frameBytes / layout.recordBytes)
            // A slope, however small, lets tensors that are needed whole share what room there is.
            wanted = min(1 - pow(1 - min(max(kept, 0), 1), records), 0.995)
        }

        /// Decides which units stay of a tensor whose channels lie in the order of their numbers.
        ///
        /// - Parameters:
        ///   - share: the share of its units that can stay.
        ///   - gap: see `CachePlan.gap`.
        mutating func choose(share: Double, gap: Int) {
            // Bytes that a token reads for each of the tensor's units, a read counted as a gap. By rank a token misses
            // less, but all over the file: 25 % of what it wants, with 55 % of the units in memory, where it wants half of
            // them; 66 % with 20 %; 8 % with 60 % where it wants three in ten (Qwen2.5-Coder 1.5B, CHESS).
            func cost(_ density: Double) -> Double {
                min(Double(segment.frameBytes), density * Double(segment.frameBytes + gap))
            }
            let missing = 1 - share
            let byRank = cost(wanted * pow(missing, 1 + 0.8 * (1 - wanted) / wanted))
            choice = missing * cost(wanted) < byRank ? .first : .recent
        }

        var units: Int { segment.frames.count }

        /// Units that may stay in memory where it has so much of it.
        func capacity(_ share: Double) -> Int { Int(share * Double(units)) }

        /// What it then takes, with the tables of what is where.
        func bytes(share: Double) -> Int {
            share == 1
                ? segment.rawBytes
                : Int(share * Double(segment.rawBytes + 16 * units)) + MemoryPlan.bookkeeping(layout, segment)
        }

        /// Tensors of which so much is in memory are there as a whole: waiting for a few units, one layer after
        /// the other, costs more than their bytes.
        private static let nearlyWhole = 0.65

        /// The share of units that are worth a slot when a slot must be used by `worth` of all tokens.
        ///
        /// The unit of rank x (0 the most wanted, 1 the least) is wanted by about
        /// `w + 2.6 w (1 - w) (0.55 - x)` of the tokens, where w is the average: fitted to Qwen2.5-Coder 1.5B with
        /// CHESS at 0.5, and exact for units that are always or never wanted.
        func share(worth: Double) -> Double {
            let slope = 2.6 * wanted * (1 - wanted)
            guard slope > 0 else { return 0 }
            let share = 0.55 + (wanted - worth) / slope
            return share > Self.nearlyWhole ? 1 : max(share, 0)
        }
    }

    /// What share of each is in memory when a slot must be as useful as room allows.
    private static func shares(_ candidates: [Candidate], room: Int) -> [Double] {
        var (low, high) = (-2.0, 2.0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            let bytes = candidates.reduce(0) { $0 + $1.bytes(share: $1.share(worth: middle)) }
            if bytes > room { low = middle } else { high = middle }
        }
        return candidates.map { $0.share(worth: high) }
    }

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

    /// Bytes of the tables that say where a tensor's records are.
    fileprivate static func bookkeeping(_ layout: StoredTensor.Layout, _ segment: Segment) -> Int {
        // With an order that takes 8 bytes a record.
        12 * layout.recordCount + 24 * segment.frames.count
    }
}
