package import Machine
internal import Synchronization

/// Keeps the units of a store's largest tensors that are wanted most in a fixed piece of memory, and reads the
/// others when they are wanted.
///
/// A step uses it like this, for one tensor after another, all workers at the same point:
///
///     barrier; the first worker: fetch(tensor, wanted)
///     barrier; every worker: prepare(tensor, its share)
///     barrier; compute: tensor.places is true of every record that was wanted
///     barrier; every worker: keep(tensor, its share)
///
/// What is kept is decided by `fetch`, from the ranks of units alone, while the reads are under way.
package final class RecordCache: Sendable {
    /// The unit of `CachedTensor.places`.
    package static let placeBytes = 16
    /// Holds slots, then what a fetch brings.
    package let memory: SharedBuffer<UInt8>
    var region: ByteRegion { ByteRegion(backing: .resident(memory), range: 0..<memory.count) }
    /// By name.
    package let tensors: [String: CachedTensor]
    let reader: StorageReader
    /// Bytes between two wanted pieces of the file that are read along.
    package let gap: Int
    /// Where reads arrive, and where compressed units are unpacked to: bytes of `memory`.
    private let arrivals: Range<Int>
    let unpacked: Range<Int>
    let last = Mutex(Fetch())
    /// Two places for what is read ahead, of which one is filled while the other is in use.
    private let aheadPlaces: [Range<Int>]
    private let ahead = Mutex(Ahead())
    let counts = Mutex(CacheCounts())
    private let fault = Mutex<StoreError?>(nil)
    private let wantedShare = Mutex(1.0)
    /// The part of the slots that `release` leaves.
    private let keptShare = Mutex(1.0)
    private let slotBytes: Int

    init(_ plan: CachePlan, of file: StoreFile, orders: [Int: RecordOrder]) throws(StoreError) {
        let layout = CacheLayout(plan, of: file, orders: orders)
        // Memory of this size is mapped, so it begins on a page, as direct reads want.
        memory = SharedBuffer(count: max(layout.byteCount, 1 << 20), largePages: true)
        do {
            reader = try StorageReader(
                path: file.path, target: memory, isQueued: plan.isQueued, rate: plan.storageRate)
        } catch { throw .file(error) }
        tensors = Dictionary(uniqueKeysWithValues: layout.tensors.map { ($0.name, $0) })
        gap = plan.gap
        slotBytes = layout.tensors.reduce(0) { $0 + $1.capacity * $1.slotBytes }
        arrivals = layout.arrivals
        unpacked = layout.unpacked
        aheadPlaces = layout.ahead
    }

    /// All that was done so far.
    package var total: CacheCounts { counts.withLock { $0 } }

    /// Whether something went wrong since `takeFault`: what was computed since is worth nothing.
    package var hasFault: Bool { fault.withLock { $0 != nil } }

    /// The first thing that went wrong since the last call; nothing stays of the fetch that it belongs to.
    package func takeFault() -> StoreError? {
        let error = fault.withLock { fault in
            defer { fault = nil }
            return fault
        }
        if error != nil {
            ahead.withLock { $0.tensor = nil }
            last.withLock { last in
                last.tensor?.residents.withLock { $0.revoke(last.admissions) }
                last = Fetch()
            }
        }
        return error
    }

    /// What share of the slots may be in use, 0 to 1, where memory is short for others. Each tensor follows at its
    /// next fetch, or all at once by `resize`; results are the same at any share.
    package var share: Double {
        get { wantedShare.withLock { $0 } }
        set { wantedShare.withLock { $0 = min(max(newValue, 0), 1) } }
    }

    /// Applies `share` to every tensor: by the thread that fetches, between two steps.
    package func resize() {
        let share = usedShare
        for tensor in tensors.values { tensor.resize(to: share, in: memory) }
    }

    /// Does without `bytes` of the slots, whatever `share` is, until the next call: by the thread that fetches, between
    /// two steps. Afterwards the machine has them back.
    package func release(_ bytes: Int) {
        keptShare.withLock { $0 = slotBytes == 0 ? 1 : max(0, 1 - Double(bytes) / Double(slotBytes)) }
        resize()
    }

    private var usedShare: Double { share * keptShare.withLock { $0 } }

    func note(_ error: StoreError) {
        fault.withLock { fault in if fault == nil { fault = error } }
    }

    /// Takes what was read of the file in other ways out of the page cache.
    func emptyPageCache() { reader.emptyPageCache() }

    /// What the last fetch brings.
    struct Fetch {
        var missing: [MissingUnit] = []
        /// Positions in `missing` where parts begin, and the end.
        var starts: [Int] = [0]
        var admissions: [ResidentUnits.Admission] = []
        var tensor: CachedTensor?
        /// Whether some of `missing` were read ahead.
        var hasAhead = false
        /// The unit behind the last one that was looked at.
        var end = 0
    }

    /// What was read ahead, or is being read.
    private struct Ahead {
        var tensor: CachedTensor?
        var units = 0..<0
        /// The first byte of the file, and where it goes.
        var lower = 0
        var place = 0
        /// Which place is the next to be filled.
        var next = 0
    }

    /// Starts to read the first units of `tensor` that never stay in memory, while another tensor is in use: of an
    /// arranged one those that most tokens want, of others as many as there is room for. Does nothing where reads are
    /// cheap, or do not go on by themselves.
    ///
    /// One thread calls it, once every worker has prepared the last fetch.
    package func readAhead(_ tensor: CachedTensor) {
        // Should it have another capacity when it is fetched, this still brings the right units: those below get or
        // lose a slot then.
        let capacity = tensor.currentCapacity
        guard tensor.isReadAhead, reader.readsByItself, capacity < tensor.unitCount,
            !hasFault
        else { return }
        ahead.withLock { ahead in
            guard ahead.tensor !== tensor else { return }
            let room = aheadPlaces[ahead.next]
            let first = tensor.stored.range(of: capacity).lowerBound
            ahead.lower = first & ~(reader.alignment - 1)
            let share = tensor.isArranged ? Self.aheadShare : 1
            let wanted = Int(Double(tensor.unitCount - capacity) * share)
            var end = capacity
            while end < capacity + wanted,
                aligned(tensor.stored.range(of: end).upperBound) - ahead.lower <= room.count
            {
                end += 1
            }
            guard end > capacity else { return }
            ahead.tensor = tensor
            ahead.units = capacity..<end
            ahead.place = room.lowerBound
            ahead.next ^= 1
            let upper = tensor.stored.range(of: end - 1).upperBound
            reader.begin(.ahead)
            var counts = CacheCounts()
            var place = ahead.place
            for lower in stride(from: ahead.lower, to: upper, by: Self.aheadRun) {
                let run = Run(lower: lower, upper: min(lower + Self.aheadRun, upper), place: place)
                place = start(run, of: .ahead, &counts)
            }
            reader.submit()
            self.counts.withLock { $0 += counts }
        }
    }

    private static let aheadRun = 1 << 19
    /// What share of an arranged tensor's missing units is read ahead. Where two fifths and more stay, the last are wanted
    /// so seldom that they are read when they are, over gaps of no more than `rareGap`: six sevenths of the bytes that a
    /// share of 0.6 reads, in 2 % more time (Qwen2.5-Coder 1.5B in 800 MiB, a disk of 2.4 GB/s).
    private static let aheadShare = 0.4
    private static let rareGap = 6144

    /// A piece of the file that one read brings.
    private struct Run {
        var lower: Int
        var upper: Int
        var place: Int
    }

    /// Bytes between two wanted rows that are read along at most, where there must be room for all that comes.
    private static let boundedGap = 32768

    /// Pieces are no longer, so that the first bytes are there while the last ones are still read.
    private static let longestRun = 1 << 20

    /// Starts to read the units of `tensor` with records in `wanted` that are not in memory, and decides which
    /// of them will stay. One thread calls it, when no other uses the last fetch.
    ///
    /// - Parameters:
    ///   - wanted: a bit for each record; all of them without it, which says nothing about their ranks.
    ///   - urgent: those of `wanted` that are worth a read. The bits of others that are not in memory are cleared
    ///     in `wanted`, though they count for the ranks; all are worth one without it.
    ///   - bounds: records `bounds[i]..<bounds[i + 1]` make part i; `prepare` without a part by default.
    /// - Returns: how many bits were cleared.
    @discardableResult package func fetch(
        _ tensor: CachedTensor, wanted: SharedBuffer<UInt32>?, urgent: SharedBuffer<UInt32>? = nil,
        bounds: [Int]? = nil
    ) -> Int {
        let done = fetch(tensor, wanted, urgent, bounds, units: nil, room: nil)
        counts.withLock { $0 += done.counts }
        return done.cleared
    }

    /// Starts to read the first units of `tensor`, which are to have its slots while nothing is known of a text, from
    /// `first` on as many as there is room for. As with `fetch`, `prepare` and `keep` follow.
    ///
    /// - Parameter first: 0, or what the last call returned.
    /// - Returns: the first unit that is left; `tensor.currentCapacity` when none is.
    package func fill(_ tensor: CachedTensor, from first: Int) -> Int {
        var done = fetch(
            tensor, nil, nil, nil, units: first..<max(tensor.currentCapacity, first),
            room: CachePlan.partBytes)
        // No token wanted them.
        (done.counts.wanted, done.counts.missed) = (0, 0)
        counts.withLock { $0 += done.counts }
        return done.end
    }

    /// Does what `fetch` does for records from `first` on, as many as there is room for: rows may be more than arrive
    /// at once.
    ///
    /// - Parameter first: 0, or what the last call for the same token returned.
    /// - Returns: the first record that is left, a multiple of 32; the count of records when none is.
    package func fetchRows(
        _ tensor: CachedTensor, wanted: SharedBuffer<UInt32>?, from first: Int
    ) -> Int {
        let done = fetch(
            tensor, wanted, nil, nil, units: first / tensor.recordsPerUnit..<tensor.unitCount,
            room: tensor.needsParts ? CachePlan.partBytes : nil)
        counts.withLock { $0 += done.counts }
        return done.end * tensor.recordsPerUnit
    }

    /// - Parameters:
    ///   - range: units to look at; all by default, in the parts of `bounds`.
    ///   - room: see `read`.
    /// - Returns: bits cleared in `wanted`, and the unit behind the last one that was looked at.
    private func fetch(
        _ tensor: CachedTensor, _ wanted: SharedBuffer<UInt32>?, _ urgent: SharedBuffer<UInt32>?,
        _ bounds: [Int]?, units range: Range<Int>?, room: Int?
    ) -> (cleared: Int, end: Int, counts: CacheCounts) {
        var fetch = last.withLock { last in
            defer { last = Fetch() }
            return last
        }
        fetch.missing.removeAll(keepingCapacity: true)
        fetch.starts.removeAll(keepingCapacity: true)
        fetch.admissions.removeAll(keepingCapacity: true)
        tensor.resize(to: usedShare, in: memory)
        let units = tensor.wantedUnits(wanted)
        var counts = CacheCounts()
        var cleared = 0
        tensor.residents.withLock { residents in
            var needed = units
            if let wanted, let urgent {
                cleared = tensor.clear(wanted, unless: urgent, orIn: residents.bits)
                needed = tensor.wantedUnits(wanted)
            }
            let ahead = takeAhead(of: tensor)
            let parts = range.map { [$0] } ?? tensor.parts(bounds, ahead: ahead?.units)
            let isRare =
                tensor.isPinned && tensor.isArranged && reader.readsByItself
                && 5 * residents.capacity >= 2 * tensor.unitCount
            let gap = min(gap, room != nil ? Self.boundedGap : isRare ? Self.rareGap : .max)
            counts = read(needed, of: tensor, residents.bits, parts, ahead, gap, room, into: &fetch)
            tensor.place(fetch.missing.lazy.map { ($0.unit, $0.start) })
            if wanted != nil, range?.lowerBound ?? 0 == 0 { residents.countToken(units) }
            residents.admit(fetch.missing, into: &fetch.admissions)
        }
        fetch.tensor = tensor
        last.withLock { $0 = fetch }
        return (cleared, fetch.end, counts)
    }

    /// What was read ahead of `tensor`; it is in use from now on, and its place is not filled before the next is.
    private func takeAhead(of tensor: CachedTensor) -> Ahead? {
        ahead.withLock { ahead in
            guard ahead.tensor === tensor else { return nil }
            defer { ahead.tensor = nil }
            return ahead
        }
    }

    /// - Parameter room: bytes that may arrive, and twice as many to unpack; `nil` where all that may be wanted fits.
    private func read(
        _ wanted: [UInt32], of tensor: CachedTensor, _ resident: [UInt32], _ parts: [Range<Int>],
        _ ahead: Ahead?, _ gap: Int, _ room: Int?, into fetch: inout Fetch
    ) -> CacheCounts {
        var counts = CacheCounts()
        reader.begin(parts: parts.count)
        let isRaw = tensor.stored.encoding == .raw
        var place = arrivals.lowerBound
        fetch.starts.append(0)
        fetch.end = parts.last?.upperBound ?? 0
        for (part, units) in parts.enumerated() {
            var run: Run?
            for index in units.lowerBound / 32..<(units.upperBound + 31) / 32 {
                // However long rows are, a part has some.
                if let room, index > units.lowerBound / 32 {
                    let used = (run.map { $0.place + $0.upper - $0.lower } ?? place) - arrivals.lowerBound
                    let most = 32 * (tensor.slotBytes + Self.boundedGap + 2 * reader.alignment)
                    let unpacking = isRaw ? 0 : (fetch.missing.count + 32) * tensor.slotBytes
                    if used + most > room || unpacking > 2 * room {
                        fetch.end = 32 * index
                        break
                    }
                }
                let own = Self.bits(units, ofWord: index)
                counts.wanted += (wanted[index] & own).nonzeroBitCount
                var word = wanted[index] & ~resident[index] & own
                while word != 0 {
                    let unit = 32 * index + word.trailingZeroBitCount
                    word &= word - 1
                    let bytes = tensor.stored.range(of: unit)
                    let arrival: Int
                    if let ahead, ahead.units.contains(unit) {
                        arrival = ahead.place + bytes.lowerBound - ahead.lower
                    } else {
                        let longer = extend(
                            run, over: bytes, within: gap, part, &place, &counts)
                        arrival = longer.place + bytes.lowerBound - longer.lower
                        run = longer
                    }
                    fetch.missing.append(
                        MissingUnit(
                            unit: unit, arrival: arrival,
                            start: isRaw
                                ? arrival : unpacked.lowerBound + fetch.missing.count * tensor.slotBytes))
                }
            }
            if let run { place = start(run, part, &counts) }
            fetch.starts.append(fetch.missing.count)
            reader.submit()
        }
        fetch.hasAhead = ahead != nil
        counts.missed = fetch.missing.count
        counts.mostArrived = place - arrivals.lowerBound
        return counts
    }

    /// The bits of word `index` that stand for `units`.
    private static func bits(_ units: Range<Int>, ofWord index: Int) -> UInt32 {
        let lower = max(units.lowerBound - 32 * index, 0)
        let upper = min(units.upperBound - 32 * index, 32)
        guard lower < upper else { return 0 }
        return (upper == 32 ? .max : 1 << UInt32(upper) - 1) & ~(1 << UInt32(lower) - 1)
    }

    private func aligned(_ offset: Int) -> Int { (offset + reader.alignment - 1) & ~(reader.alignment - 1) }

    /// The run with `bytes` of the file in it: `run` made longer where that is worth it, else a new one behind it.
    private func extend(
        _ run: Run?, over bytes: Range<Int>, within gap: Int, _ part: Int, _ place: inout Int,
        _ counts: inout CacheCounts
    ) -> Run {
        if var run {
            if bytes.lowerBound <= aligned(run.upper) + gap, bytes.upperBound - run.lower <= Self.longestRun {
                run.upper = bytes.upperBound
                return run
            }
            place = start(run, part, &counts)
        }
        return Run(
            lower: bytes.lowerBound & ~(reader.alignment - 1), upper: bytes.upperBound, place: place)
    }

    /// Starts a read and returns where the next one may go.
    private func start(
        _ run: Run, _ part: Int = 0, of batch: ReadBatch = .now, _ counts: inout CacheCounts
    ) -> Int {
        let count = aligned(run.upper) - run.lower
        precondition(
            batch == .ahead || run.place + count <= arrivals.upperBound,
            "\(count) bytes at \(run.place) of \(arrivals)")
        let waited = reader.add(
            StorageRead(
                offset: run.lower, byteCount: count, needed: run.upper - run.lower, place: run.place,
                part: part),
            to: batch)
        switch batch {
        case .now: counts.stalled += waited  // the others wait at a barrier for what this worker asks
        case .ahead: counts.waited += waited
        }
        counts.bytesRead += count
        counts.reads += 1
        return run.place + count
    }
}
