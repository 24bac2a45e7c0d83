internal import WeightStore

/// What a model's weights ask of a budget that does not hold them all: some are needed whole, of others a part can be
/// in memory.
struct WeightDemand {
    /// A head of which a token needs few rows.
    struct Head {
        let name: String
        let layout: StoredTensor.Layout
        let segment: Segment
        /// Units that a token wants.
        let wanted: Int

        /// Units that get a slot where weights have `room` bytes beyond the least.
        func capacity(room: Int) -> Int {
            min(Self.slots * wanted, segment.frames.count, room / Self.share / segment.frameBytes)
        }

        /// Units beyond `capacity` for which `room` bytes are enough, with what a slot takes besides.
        func more(than capacity: Int, room: Int) -> Int {
            min(segment.frames.count - capacity, max(room, 0) / (segment.frameBytes + 16))
        }

        /// Slots for rows of the head, as a multiple of those that a token computes: of twice as many 23 % miss, of four
        /// times as many 9 %, of eight times as many 3 % (Qwen2.5-Coder 1.5B). A bundle makes more of its bytes from
        /// there on.
        static let slots = 4
        /// They get no more than this part of the room there is.
        private static let share = 4
    }

    /// Bytes that are in memory in any case, with the tables of what is where.
    private(set) var needed = 0
    /// Room to receive and unpack what is fetched in parts, in bytes.
    private(set) var part = 0
    /// See `CachePlan.gap`.
    let gap: Int
    /// See `MemoryPlan`.
    let isPinnable: Bool
    /// Tensors to do without.
    let omitted: Set<String>
    /// The embedding where it is not the head: its rows are read one by one.
    private(set) var embedding: CachePlan.Tensor?
    private(set) var head: Head?
    private(set) var partial: [PartialTensor] = []

    /// - Parameters:
    ///   - headCandidates: rows of the head that a token computes, where the store can foretell the others; 0 for all.
    ///   - kept: the share of channels that a token needs at a site of a layer.
    init(
        _ model: StoreInspection, headCandidates: Int, gap: Int, isPinnable: Bool,
        kept: (SparsitySite, Int) -> Double
    ) {
        (self.gap, self.isPinnable) = (gap, isPinnable)
        let tensors = model.tensors
        let arranged = isPinnable ? model.arrangedTensors : []
        let arrangedChoice: CachePlan.Choice = gap >= Self.pinningGap ? .first : .recentOrFirst
        let isTied = !tensors.contains { $0.name == "output" }
        let headName = isTied ? "token_embd" : "output"
        let isForetold = headCandidates > 0 && tensors.contains { $0.name == HeadPreviewName.weights }
        let isBounded = !isForetold && Self.isBounded(tensors, head: headName)
        // Where nothing foretells the head they stay: what a draw takes depends on them.
        omitted = isForetold ? [HeadBoundsName.rows, HeadBoundsName.factors] : []
        for tensor in tensors where !omitted.contains(tensor.name) {
            let (name, layout, segment) = (tensor.name, tensor.layout, tensor.elements)
            needed += tensor.planes?.rawBytes ?? 0
            if isForetold || isBounded, name == headName {
                head = Head(
                    name: name, layout: layout, segment: segment,
                    wanted: isForetold
                        ? headCandidates : layout.elementBytes / Self.boundedShare / segment.frameBytes)
                part = max(part, PartialTensor.partBytes(segment))
                needed += PartialTensor.tableBytes(layout, segment)
            } else if name == "token_embd", !isTied {
                embedding = CachePlan.Tensor(name: name, layout: layout, capacity: 0)
                needed += PartialTensor.tableBytes(layout, segment)
            } else if let (site, layer) = MemoryPlan.site(of: name) {
                partial.append(
                    PartialTensor(
                        name: name, layout: layout, segment: segment,
                        choice: arranged.contains(name) ? arrangedChoice : .recent, kept: kept(site, layer)))
                part = max(part, PartialTensor.partBytes(segment))
            } else {
                needed += segment.rawBytes
            }
        }
    }

    /// From this gap on a read costs so much that what is missing of an arranged file should lie together. Below, hitting
    /// more often saves more.
    private static let pinningGap = 8192

    /// Whether the head's bounds leave room for other weights where its rows are fetched one by one.
    private static func isBounded(
        _ tensors: [(name: String, layout: StoredTensor.Layout, elements: Segment, planes: Segment?)],
        head name: String
    ) -> Bool {
        guard let head = tensors.first(where: { $0.name == name }),
            let bounds = tensors.first(where: { $0.name == HeadBoundsName.rows }),
            head.elements.frameBytes <= max(head.layout.fetchedFrameBytes, CachePlan.fetchedRowBytes)
        else { return false }
        let taken = bounds.elements.rawBytes + PartialTensor.tableBytes(head.layout, head.elements)
        return taken + head.layout.elementBytes * Head.slots / boundedShare < head.layout.elementBytes
    }

    /// The part of a head that a token is taken to want beyond its bounds.
    private static let boundedShare = 64
}
