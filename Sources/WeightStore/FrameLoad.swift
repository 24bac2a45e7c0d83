internal import Machine
internal import Synchronization
internal import Tensors

/// Brings the segments of a store to where they belong: mapped, or copied or decompressed into memory; all at once, or
/// some at a time.
final class FrameLoad {
    /// The bytes of all segments in order.
    private let segments: [StoredBytes]
    private let walk: FrameWalk
    private let placements: [Int: Placement]
    private let skipped: Set<Int>
    private let verify: Bool
    private let fault = FirstFault()
    /// Pieces before it are done.
    private var next = 0

    /// - Parameters:
    ///   - skipped: numbers of segments to leave alone, whose bytes are empty.
    ///   - orders: of segments whose records do not lie in the order of their numbers; in memory they do, mapped
    ///     they stay where they are.
    ///   - panels: of segments with elements, whose bytes in memory are to be panels with those of their planes; none
    ///     where segments are mapped.
    init(
        _ walk: FrameWalk, verify: Bool, isResident: Bool, skipped: Set<Int> = [],
        orders: [Int: RecordOrder] = [:],
        panels: [Int: (layout: PanelLayout, planes: Int)] = [:]
    ) {
        (self.walk, self.skipped, self.verify) = (walk, skipped, verify)
        segments = Self.places(of: walk.store, isResident: isResident, skipped, panels)
        let cut = panels.map { ($0, Placement.channels($1.layout, order: orders[$0])) }
        placements = orders.mapValues(Placement.records)
            .merging(cut) { _, panels in panels }
            .merging(panels.values.map { ($0.planes, .planes($0.layout)) }) { _, planes in planes }
    }

    var isComplete: Bool { next == walk.pieces.count }

    /// The bytes of all segments in order; brings what is left of them.
    ///
    /// - Throws: the fault that comes first in the file.
    func complete(threads: Int) throws(StoreError) -> [StoredBytes] {
        advance(pieces: walk.pieces.count, threads: threads)
        if let error = fault.error { throw error }
        return segments
    }

    /// Brings about so many bytes more.
    func advance(bytes: Int, threads: Int) {
        advance(pieces: (bytes + FrameWalk.pieceBytes - 1) / FrameWalk.pieceBytes, threads: threads)
    }

    private func advance(pieces count: Int, threads: Int) {
        let range = next..<min(next + count, walk.pieces.count)
        let (walk, segments, placements, skipped) = (walk, segments, placements, skipped)
        let (verify, fault) = (verify, fault)
        walk.forEachPiece(in: range, threads: threads) { number, _ in
            let piece = walk.pieces[number]
            guard !skipped.contains(piece.segment) else { return }
            let target = segments[piece.segment]
            let isMapped = if case .mapped = target.backing { true } else { false }
            guard verify || !isMapped else { return }
            let faults = walk.visit(
                piece, into: isMapped ? nil : target, verify: verify, placement: placements[piece.segment])
            // What was copied or decompressed need not stay in memory twice.
            if !isMapped {
                walk.store.file.advise(.dontNeed, piece.offset..<piece.offset + piece.storedBytes)
            }
            if let first = faults.first { fault.report(first, piece: number) }
        }
        next = range.upperBound
    }

    /// Where each segment's bytes will be: all in one block of memory, whose pages are large, or only those
    /// that must be decompressed.
    private static func places(
        of store: StoreFile, isResident: Bool, _ skipped: Set<Int>,
        _ panels: [Int: (layout: PanelLayout, planes: Int)]
    ) -> [StoredBytes] {
        let segments = store.index.segments
        let elements = Dictionary(uniqueKeysWithValues: panels.map { ($1.planes, $0) })
        // Planes lie in their panels.
        func byteCount(_ number: Int) -> Int {
            panels[number]?.layout.byteCount ?? (elements[number] == nil ? segments[number].rawBytes : 0)
        }
        let inMemory = segments.indices.filter {
            !skipped.contains($0) && (isResident || segments[$0].encoding != .raw)
        }
        let memory = SharedBuffer<UInt8>(
            count: inMemory.reduce(0) { $0 + aligned(byteCount($1)) }, largePages: true)
        var next = 0
        var places = segments.indices.map { number in
            let segment = segments[number]
            guard !skipped.contains(number) else {
                return StoredBytes(backing: .resident(memory), range: next..<next)
            }
            guard isResident || segment.encoding != .raw else {
                return StoredBytes(backing: .mapped(store.file), range: segment.range)
            }
            defer { next += aligned(byteCount(number)) }
            return StoredBytes(backing: .resident(memory), range: next..<next + byteCount(number))
        }
        for (planes, elements) in elements { places[planes] = places[elements] }
        return places
    }

    /// Kernels like whole cache lines.
    private static func aligned(_ byteCount: Int) -> Int { (byteCount + 63) & ~63 }
}

/// The fault that comes first in the file, whichever thread finds it.
private final class FirstFault: Sendable {
    private let first = Mutex<(piece: Int, error: StoreError)?>(nil)

    var error: StoreError? { first.withLock { $0?.error } }

    func report(_ error: StoreError, piece: Int) {
        first.withLock { first in
            if first.map({ piece < $0.piece }) ?? true { first = (piece, error) }
        }
    }
}
