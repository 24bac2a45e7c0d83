internal import Machine
internal import Synchronization
internal import Tensors

/// Goes over every frame of a store on several threads: verifies checksums and decompresses.
struct FrameWalk {
    /// Consecutive frames of one segment, enough to be worth a claim.
    struct Piece: Sendable {
        var segment: Int
        /// In the segment.
        var frames: Range<Int>
        /// Of the first frame in the file.
        var offset: Int
        var storedBytes: Int
    }

    let store: StoreFile
    let pieces: [Piece]

    init(_ store: StoreFile) {
        self.store = store
        var pieces: [Piece] = []
        for (number, segment) in store.index.segments.enumerated() {
            var piece = Piece(segment: number, frames: 0..<0, offset: segment.offset, storedBytes: 0)
            for position in 0..<segment.frames.count {
                piece.storedBytes += Int(store.index.frames[segment.frames.lowerBound + position].storedBytes)
                piece.frames = piece.frames.lowerBound..<position + 1
                guard piece.storedBytes >= Self.pieceBytes || position + 1 == segment.frames.count else {
                    continue
                }
                pieces.append(piece)
                piece = Piece(
                    segment: number, frames: position + 1..<position + 1,
                    offset: piece.offset + piece.storedBytes, storedBytes: 0)
            }
        }
        self.pieces = pieces
    }

    /// Every fault of every frame, in the order of the file; nothing is kept.
    ///
    /// - Parameter progress: told the stored bytes done so far, on the calling thread.
    func faults(threads: Int, progress: @Sendable (Int) -> Void) -> [StoreError] {
        let state = Mutex<(faults: [Int: [StoreError]], done: Int)>(([:], 0))
        forEachPiece(threads: threads) { number, worker in
            let found = visit(pieces[number], into: nil, verify: true)
            let done = state.withLock { state in
                if !found.isEmpty { state.faults[number] = found }
                state.done += pieces[number].storedBytes
                return state.done
            }
            if worker == 0 { progress(done) }
        }
        let all = state.withLock { $0.faults }
        return all.keys.sorted().flatMap { all[$0] ?? [] }
    }

    static let pieceBytes = 2 << 20

    func forEachPiece(
        in range: Range<Int>? = nil, threads: Int, _ body: @Sendable (Int, Int) -> Void
    ) {
        let range = range ?? pieces.indices
        let claims = ClaimCounters(count: 1)
        WorkerPool(threadCount: min(max(threads, 1), max(range.count, 1))).run { worker in
            while true {
                let number = range.lowerBound + claims.claim(0)
                guard number < range.upperBound else { return }
                body(number, worker.index)
            }
        }
    }

    /// Verifies and decompresses the frames of one piece; into nowhere when there is no target.
    ///
    /// - Parameter placement: where the segment's bytes belong in the target.
    func visit(
        _ piece: Piece, into target: StoredBytes?, verify: Bool, placement: Placement? = nil
    ) -> [StoreError] {
        let segment = store.index.segments[piece.segment]
        let (file, frames, name) = (store.file, store.index.frames, store.segmentNames[piece.segment])
        let decompressor = segment.encoding == .raw ? nil : FrameDecompressor(segment.encoding)
        var offset = piece.offset
        var faults: [StoreError] = []
        for position in piece.frames {
            let frame = frames[segment.frames.lowerBound + position]
            let stored = offset..<offset + Int(frame.storedBytes)
            offset = stored.upperBound
            do throws(StoreError) {
                if verify { try store.check(stored, frame: position, of: piece.segment) }
            } catch {
                faults.append(error)
                continue
            }
            let raw = segment.rawRange(ofFrame: position)
            var output: (buffer: SharedBuffer<UInt8>, start: Int)?
            if case .resident(let buffer)? = target?.backing, let target {
                output = (buffer, target.range.lowerBound)
            }
            guard let decompressor else {
                guard let output else { continue }
                placement.forEachRun(in: raw, of: segment) { source, place in
                    let from = stored.lowerBound + source.lowerBound - raw.lowerBound
                    file.copy(from..<from + source.count, into: output.buffer, at: output.start + place)
                }
                continue
            }
            do throws(ZstdError) {
                if let output, placement == nil {
                    let place = output.start + raw.lowerBound..<output.start + raw.upperBound
                    try decompressor.decompress(file, stored, into: output.buffer, place)
                } else if let output {
                    let frame = SharedBuffer<UInt8>(count: raw.count)
                    try decompressor.decompress(file, stored, into: frame, 0..<raw.count)
                    placement.forEachRun(in: raw, of: segment) { source, place in
                        let from = source.lowerBound - raw.lowerBound
                        output.buffer.copy(
                            frame, from..<from + source.count, to: output.start + place)
                    }
                } else {
                    try decompressor.decompress(
                        file, stored, into: SharedBuffer(count: raw.count), 0..<raw.count)
                }
            } catch {
                faults.append(
                    .unreadable(
                        path: file.path, part: "\(name), frame \(position)", offset: stored.lowerBound,
                        reason: error.reason))
            }
        }
        return faults
    }
}

/// Undoes the encoding of one segment's frames.
private final class FrameDecompressor {
    private let zstd = ZstdDecompressor()
    private let isSplit: Bool

    init(_ encoding: SegmentEncoding) { isSplit = encoding == .zstdSplit }

    func decompress(
        _ file: MappedFile, _ stored: Range<Int>, into buffer: SharedBuffer<UInt8>, _ raw: Range<Int>
    ) throws(ZstdError) {
        let isCompressed = stored.count < raw.count
        if isCompressed, !isSplit { return try zstd.decompress(file, stored, into: buffer, raw) }
        let bytes =
            isCompressed ? try zstd.decompress(file, stored, count: raw.count) : file.bytes(stored)
        buffer.withMutableSpan(raw) { target in
            // A frame that is no shorter compressed is stored as it was, not even split.
            if isCompressed, isSplit {
                BytePlanes.join(bytes, into: &target)
            } else {
                for index in bytes.indices { target[index] = bytes[index] }
            }
        }
    }
}

/// 16-bit floats with their low bytes first and their high bytes, sign and exponent, after.
enum BytePlanes {
    /// `range` of `bytes`, of even length, split into its two planes.
    static func split(_ bytes: [UInt8], _ range: Range<Int>) -> [UInt8] {
        let half = range.count / 2
        var planes = [UInt8](repeating: 0, count: range.count)
        for index in 0..<half {
            planes[index] = bytes[range.lowerBound + 2 * index]
            planes[half + index] = bytes[range.lowerBound + 2 * index + 1]
        }
        return planes
    }

    /// Undoes `split`; both have the same even length.
    static func join(_ planes: [UInt8], into bytes: inout MutableSpan<UInt8>) {
        let half = bytes.count / 2
        for index in 0..<half {
            bytes[2 * index] = planes[index]
            bytes[2 * index + 1] = planes[half + index]
        }
    }
}
