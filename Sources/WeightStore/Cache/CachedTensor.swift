package import Machine
internal import Synchronization

/// A tensor of which only some units are in memory. A unit is what one frame of the file holds: a record
/// (row, channel or bundle), or a few short ones.
package final class CachedTensor: Sendable {
    package let name: String
    /// Rows, channels or bundles.
    package let recordCount: Int
    package let recordBytes: Int
    package let recordsPerUnit: Int
    package let unitCount: Int
    /// In which order the records lie in the file; `nil` for the order of their numbers.
    private let order: RecordOrder?
    /// Where each record is in the cache's memory, in units of 16 bytes: true of those in memory, and of those
    /// the last fetch brought. Written between two barriers of a step.
    package let places: SharedBuffer<UInt32>
    /// Units that may stay in memory when memory is not short; see `resize`.
    package let capacity: Int
    let stored: StoredUnits
    let slotBytes: Int
    /// The first byte of the first slot in the cache's memory.
    private let firstSlot: Int
    /// Only the thread that fetches takes it.
    let residents: Mutex<ResidentUnits>

    init(_ plan: CachePlan.Tensor, stored: StoredUnits, order: RecordOrder?, firstSlot: Int) {
        name = plan.name
        recordCount = plan.layout.recordCount
        recordBytes = plan.layout.recordBytes
        recordsPerUnit = stored.unitBytes / recordBytes
        unitCount = stored.count
        capacity = min(plan.capacity, unitCount)
        slotBytes = CachePlan.slotBytes(stored.unitBytes)
        places = SharedBuffer(count: recordCount)
        residents = Mutex(ResidentUnits(units: unitCount, capacity: capacity, choice: plan.choice))
        self.stored = stored
        needsParts =
            !plan.layout.isByChannel
            && stored.range(of: stored.count - 1).upperBound - stored.range(of: 0).lowerBound
                > CachePlan.partBytes
        self.order = order
        isPinned = plan.choice == .first
        isBundles = if case .bundle = plan.layout { true } else { false }
        self.firstSlot = firstSlot
    }

    /// Whether the first units always stay.
    let isPinned: Bool
    private let isBundles: Bool
    /// Whether what is missing lies together, and is worth reading before it is asked for.
    var isReadAhead: Bool { isBundles && isPinned }
    /// Whether the records lie in the order in which tokens want them, and so the last ones are seldom wanted.
    var isArranged: Bool { order != nil }
    /// Whether more may be wanted of its rows than arrives at once.
    let needsParts: Bool

    /// Changes what share of the slots is in use, where it is another one. Called when no unit is in use; places of
    /// units that lose their slot are not true any more.
    func resize(to share: Double, in memory: SharedBuffer<UInt8>) {
        let count = Int(Double(capacity) * share)
        let isChanged = residents.withLock { residents in
            guard residents.capacity != count else { return false }
            residents.resize(to: count)
            return true
        }
        guard isChanged else { return }
        memory.allowLargePages(slotStart(0)..<slotStart(count))
        memory.giveBack(slotStart(count)..<slotStart(capacity))
    }

    /// Units that may stay in memory now.
    package var currentCapacity: Int { residents.withLock { $0.capacity } }

    /// The places in the file of a unit's records.
    private func span(of unit: Int) -> Range<Int> {
        unit * recordsPerUnit..<min((unit + 1) * recordsPerUnit, recordCount)
    }

    /// The record at a place of the file.
    private func record(at place: Int) -> Int { order.map { Int($0.records[place]) } ?? place }

    /// The unit of a record.
    private func unit(of record: Int) -> Int {
        (order.map { Int($0.places[record]) } ?? record) / recordsPerUnit
    }

    /// Bytes of a unit as the kernels read it.
    func byteCount(of unit: Int) -> Int { span(of: unit).count * recordBytes }

    /// The first byte of a slot in the cache's memory.
    func slotStart(_ slot: Int) -> Int { firstSlot + slot * slotBytes }

    /// Whether records `bounds[i]..<bounds[i + 1]` can be fetched apart: they lie together, no unit across a bound, and
    /// about as many of each are missing.
    package func canSplit(_ bounds: [Int]) -> Bool {
        order == nil && !isPinned && bounds.allSatisfy { $0 % recordsPerUnit == 0 || $0 == recordCount }
    }

    /// The units of each part of a fetch.
    ///
    /// - Parameters:
    ///   - bounds: see `canSplit`; without them, a few parts where much may be missing, so that the first can be
    ///     checked while the last are still read.
    ///   - ahead: units that are there first.
    func parts(_ bounds: [Int]?, ahead: Range<Int>?) -> [Range<Int>] {
        if let bounds {
            let units = bounds.map { ($0 + recordsPerUnit - 1) / recordsPerUnit }
            return zip(units, units.dropFirst()).map { $0..<$1 }
        }
        guard isBundles else { return [0..<unitCount] }
        let first = ahead?.upperBound ?? 0
        let rest = unitCount - first
        return (first > 0 ? [0..<first] : [])
            + (0..<Self.partCount).map {
                first + rest * $0 / Self.partCount..<first + rest * ($0 + 1) / Self.partCount
            }
    }

    private static let partCount = 4

    /// Notes where units begin in the cache's memory.
    func place<Units: Sequence<(unit: Int, start: Int)>>(_ units: Units) {
        places.withMutableSpan(0..<recordCount) { places in
            for (unit, start) in units {
                var place = UInt32(start / RecordCache.placeBytes)
                for position in span(of: unit) {
                    places[record(at: position)] = place
                    place += UInt32(recordBytes / RecordCache.placeBytes)
                }
            }
        }
    }

    /// The records that have a slot, in order.
    package var residentRecords: [Int] {
        let bits = residents.withLock { $0.bits }
        return (0..<unitCount).filter { bits[$0 >> 5] >> UInt32($0 & 31) & 1 == 1 }
            .flatMap { span(of: $0).map(record) }.sorted()
    }

    /// Whether a unit has the number of its only record.
    private var isUnitOfRecord: Bool { order == nil && recordsPerUnit == 1 }

    /// Clears the bits of `wanted` whose records are neither in `urgent` nor in a unit of `resident`.
    ///
    /// - Returns: how many.
    func clear(
        _ wanted: SharedBuffer<UInt32>, unless urgent: SharedBuffer<UInt32>, orIn resident: [UInt32]
    ) -> Int {
        let words = 0..<(recordCount + 31) / 32
        var cleared = 0
        urgent.withSpan(words) { urgent in
            wanted.withMutableSpan(words) { wanted in
                for index in words {
                    var lost = wanted[index] & ~urgent[index]
                    if isUnitOfRecord {
                        lost &= ~resident[index]
                    } else {
                        var word = lost
                        while word != 0 {
                            let unit = unit(of: 32 * index + word.trailingZeroBitCount)
                            if resident[unit >> 5] >> UInt32(unit & 31) & 1 == 1 {
                                lost &= ~(word & (~word &+ 1))
                            }
                            word &= word &- 1
                        }
                    }
                    wanted[index] &= ~lost
                    cleared += lost.nonzeroBitCount
                }
            }
        }
        return cleared
    }

    /// A bit for each unit, set where one of its records is in `wanted`; all units without it.
    func wantedUnits(_ wanted: SharedBuffer<UInt32>?) -> [UInt32] {
        var units = [UInt32](repeating: .max, count: (unitCount + 31) / 32)
        if unitCount % 32 != 0 { units[units.count - 1] = 1 << UInt32(unitCount % 32) - 1 }
        guard let wanted else { return units }
        wanted.withSpan(0..<(recordCount + 31) / 32) { records in
            if isUnitOfRecord {
                for index in units.indices { units[index] &= records[index] }
                return
            }
            var narrowed = [UInt32](repeating: 0, count: units.count)
            for index in records.indices {
                var word = records[index]
                while word != 0 {
                    let unit = unit(of: 32 * index + word.trailingZeroBitCount)
                    narrowed[unit / 32] |= 1 << UInt32(unit % 32)
                    word &= word - 1
                }
            }
            for index in units.indices { units[index] &= narrowed[index] }
        }
        return units
    }
}

/// How a tensor's units lie in the file.
struct StoredUnits: Sendable {
    let encoding: SegmentEncoding
    /// What the segment is called in messages.
    let name: String
    /// Of all units but the last, as the kernels read them.
    let unitBytes: Int
    let count: Int
    /// Of the segment in the file.
    private let offset: Int
    private let frames: ArraySlice<Frame>
    /// `[count + 1]` offsets from the segment's start; empty where all frames but the last have one length.
    private let starts: [UInt32]

    init(_ segment: Segment, name: String, index: SegmentIndex) {
        encoding = segment.encoding
        self.name = name
        offset = segment.offset
        unitBytes = segment.frameBytes
        count = segment.frames.count
        frames = index.frames[segment.frames]
        guard segment.encoding != .raw else {
            starts = []
            return
        }
        var starts: [UInt32] = [0]
        starts.reserveCapacity(count + 1)
        for frame in frames { starts.append(starts[starts.count - 1] + frame.storedBytes) }
        self.starts = starts
    }

    /// The bytes of a unit in the file.
    func range(of unit: Int) -> Range<Int> {
        let start = offset + (starts.isEmpty ? unit * unitBytes : Int(starts[unit]))
        return start..<start + Int(frame(unit).storedBytes)
    }

    func frame(_ unit: Int) -> Frame { frames[frames.startIndex + unit] }
}
