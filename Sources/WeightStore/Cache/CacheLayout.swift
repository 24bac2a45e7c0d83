internal import Machine

/// Where everything lies in a cache's memory: slots of one tensor after another, then room for arrivals, then
/// room to unpack them, then twice room for what arrives ahead.
struct CacheLayout {
    let tensors: [CachedTensor]
    let arrivals: Range<Int>
    let unpacked: Range<Int>
    /// Empty where nothing is read ahead.
    let ahead: [Range<Int>]
    var byteCount: Int { ahead[1].upperBound }

    init(_ plan: CachePlan, of file: StoreFile, orders: [Int: RecordOrder]) {
        var next = 0
        var (mostStored, mostUnpacked) = (0, 0)
        var tensors: [CachedTensor] = []
        let segments = file.elementSegments
        for tensor in plan.tensors {
            guard let number = segments[tensor.name] else { continue }
            let segment = file.index.segments[number]
            let stored = StoredUnits(segment, name: file.segmentNames[number], index: file.index)
            let made = CachedTensor(
                tensor, stored: stored, order: orders[number], firstSlot: next)
            next += made.capacity * made.slotBytes
            // Of tensors whose rows are fetched in parts no more than a part is ever touched.
            mostStored = max(mostStored, segment.storedBytes)
            if segment.encoding != .raw { mostUnpacked = max(mostUnpacked, made.unitCount * made.slotBytes) }
            tensors.append(made)
        }
        self.tensors = tensors
        let start = (next + Self.page - 1) & ~(Self.page - 1)
        arrivals = start..<start + Self.arrivalBytes(mostStored)
        unpacked = arrivals.upperBound..<arrivals.upperBound + mostUnpacked
        let first = (unpacked.upperBound + Self.page - 1) & ~(Self.page - 1)
        let size = tensors.contains(where: \.isReadAhead) ? CachePlan.aheadBytes : 0
        ahead = [first..<first + size, first + size..<first + 2 * size]
    }

    private static let page = 4096

    /// Room for a segment's bytes in pieces widened to whole pages, of which neighbours may share one: a piece
    /// ends with its part, of which there are eight at most, and after a mebibyte.
    private static func arrivalBytes(_ storedBytes: Int) -> Int {
        storedBytes == 0 ? 0 : (storedBytes + page - 1) & ~(page - 1) + ((storedBytes >> 20) + 12) * page
    }
}
