internal import CHost
internal import Glibc
internal import Synchronization

/// A piece of a file to be read into memory.
package struct StorageRead: Sendable {
    /// In the file, and how many bytes; multiples of the reader's alignment.
    package var offset: Int
    package var byteCount: Int
    /// Bytes that the file must have from `offset` on: the last piece of a file may be longer than what is left.
    package var needed: Int
    /// In the target.
    package var place: Int
    /// What can be waited for: reads of one part of a batch belong together.
    package var part: Int

    package init(offset: Int, byteCount: Int, needed: Int, place: Int, part: Int = 0) {
        self.offset = offset
        self.byteCount = byteCount
        self.needed = needed
        self.place = place
        self.part = part
    }
}

/// Reads that begin and end together. Two of them may be under way, each with its own parts.
package enum ReadBatch: Int, Sendable, CaseIterable {
    /// What is waited for.
    case now
    /// What will be wanted later.
    case ahead
}

/// What reading costs: something for each piece, and something for each byte.
package struct StorageSpeed: Sendable, Equatable {
    package var secondsPerRead: Double
    package var bytesPerSecond: Double

    package init(secondsPerRead: Double, bytesPerSecond: Double) {
        self.secondsPerRead = secondsPerRead
        self.bytesPerSecond = bytesPerSecond
    }

    /// Measures the storage of the file at `path` with a few reads all over it.
    ///
    /// - Parameter rate: see `StorageReader`.
    package init(ofFile path: String, rate: Double? = nil) throws(FileError) {
        let file = try MappedFile(path: path)
        let target = SharedBuffer<UInt8>(count: 4 << 20, largePages: true)
        self = try StorageReader(path: path, target: target, rate: rate).measureSpeed(of: file.byteCount)
    }

    /// A gap of fewer bytes is read along rather than left out: what takes as long as one piece more, of which
    /// storage is but a part. Pieces that wait together cost it less, and the processor as much as ever.
    package var worthwhileGap: Int { min(Int(secondsPerRead * bytesPerSecond), 32768) }
}

/// Reads pieces of one file into memory of ours, many at once and past the page cache, so that a byte is not
/// in memory twice.
///
/// The kernel works on all reads together (io_uring); where it may not, the threads that wait read themselves.
/// A file system without direct reads is read through the page cache, which is emptied behind.
///
/// The ring is used only while `state` is locked, and every read of a batch is waited for before its next ones begin.
package final class StorageReader: Sendable {
    package let path: String
    /// Offsets, lengths and places of reads are multiples of it.
    package let alignment: Int
    private let descriptor: Int32
    private let isDirect: Bool
    private let ring: ReadRing?
    /// Bytes per second that reads get at most.
    private let rate: Double?
    private let target: SharedBuffer<UInt8>
    private let state = Mutex(State())

    private struct State {
        var batches = ReadBatch.allCases.map { _ in Batch() }
        /// Reads that the kernel works on.
        var underWay = 0
        /// When storage of the given rate would have done all that was asked of it, in monotonic nanoseconds.
        var isFreeAt: UInt64 = 0
    }

    private struct Batch {
        var reads: [StorageRead] = []
        /// Reads of each part that are not finished.
        var pending: [Int] = []
        /// When each part may be finished at a given rate, in monotonic nanoseconds.
        var due: [UInt64] = []
        /// Reads of the list that were handed out; without a ring those that a thread has taken.
        var started = 0
        var finished = 0
        var failure: FileError?
    }

    /// - Parameters:
    ///   - target: where all reads go; its first byte on a page boundary when there are direct reads.
    ///   - isQueued: false to do without io_uring.
    ///   - rate: bytes per second that reads get at most, to see how slower storage would do; no limit by default.
    package init(
        path: String, target: SharedBuffer<UInt8>, isQueued: Bool = true, rate: Double? = nil
    ) throws(FileError) {
        var alignment: UInt32 = 0
        var opened = unsafe ch_open_direct(path, &alignment)
        isDirect = opened >= 0
        if opened == -EINVAL {
            alignment = 16
            opened = unsafe ch_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
            if opened >= 0 { posix_fadvise(opened, 0, 0, POSIX_FADV_RANDOM) }
        }
        guard opened >= 0 else { throw FileError(path: path, action: "open", errno: -opened) }
        self.path = path
        self.alignment = Int(alignment)
        self.target = target
        self.rate = rate
        descriptor = opened
        ring = isQueued ? ReadRing(depth: Self.depth) : nil
    }

    deinit { close(descriptor) }

    /// Reads under way at once.
    private static let depth: UInt32 = 256

    /// Whether reads go on while nobody waits.
    package var readsByItself: Bool { ring != nil }

    /// Forgets the last reads of `batch`, and begins anew with as many parts. No other thread waits for it.
    package func begin(_ batch: ReadBatch = .now, parts: Int = 1) {
        let number = batch.rawValue
        state.withLock { state in
            // After an error nobody waits for the rest.
            if let ring {
                while state.batches[number].finished < state.batches[number].started { reap(ring, &state) }
            }
            state.batches[number].reads.removeAll(keepingCapacity: true)
            state.batches[number].pending.removeAll(keepingCapacity: true)
            state.batches[number].due.removeAll(keepingCapacity: true)
            for _ in 0..<parts {
                state.batches[number].pending.append(0)
                state.batches[number].due.append(0)
            }
            state.batches[number].started = 0
            state.batches[number].finished = 0
            state.batches[number].failure = nil
        }
    }

    /// Adds `read`; it starts at once, or when others have finished.
    ///
    /// - Returns: nanoseconds for which it waited for others.
    @discardableResult
    package func add(_ read: StorageRead, to batch: ReadBatch = .now) -> UInt64 {
        precondition(read.offset % alignment == 0 && read.byteCount % alignment == 0, "\(read)")
        precondition(read.place >= 0 && read.place + read.byteCount <= target.count, "\(read)")
        let number = batch.rawValue
        return state.withLock { state in
            state.batches[number].reads.append(read)
            state.batches[number].pending[read.part] += 1
            if let rate {
                let begin = max(state.isFreeAt, ProcessFacts.monotonicNanoseconds)
                state.isFreeAt = begin + UInt64(Double(read.byteCount) / rate * 1e9)
                state.batches[number].due[read.part] = state.isFreeAt
            }
            guard let ring else { return 0 }
            var waited: UInt64 = 0
            if state.underWay >= Int(Self.depth) {
                let began = ProcessFacts.monotonicNanoseconds
                reap(ring, &state)
                waited = ProcessFacts.monotonicNanoseconds - began
            }
            ring.add(read, descriptor, target, tag: state.batches[number].started << 1 | number)
            state.batches[number].started += 1
            state.underWay += 1
            return waited
        }
    }

    /// Tells the kernel of the reads that were added.
    package func submit() {
        guard let ring else { return }
        state.withLock { submit(ring, &$0) }
    }

    /// Waits until the reads of `part` are done. Any number of threads may wait.
    package func wait(_ batch: ReadBatch = .now, part: Int = 0) throws(FileError) {
        try awaitReads(of: batch, part: part)
        guard rate != nil else { return }
        Threads.sleep(until: state.withLock { $0.batches[batch.rawValue].due[part] })
    }

    private func awaitReads(of batch: ReadBatch, part: Int) throws(FileError) {
        let number = batch.rawValue
        if let ring {
            let failure = state.withLock { state in
                if state.batches[number].pending[part] > 0 { submit(ring, &state) }
                while state.batches[number].pending[part] > 0 { reap(ring, &state) }
                return state.batches[number].failure
            }
            if let failure { throw failure }
            return
        }
        while let read = take(batch, part: part) { finish(read, of: batch) }
        // Another thread may have taken the last ones.
        while true {
            let (isDone, failure) = state.withLock { state in
                (state.batches[number].pending[part] == 0, state.batches[number].failure)
            }
            if isDone {
                if let failure { throw failure }
                return
            }
            sched_yield()
        }
    }

    private func submit(_ ring: ReadRing, _ state: inout State) {
        let code = ring.submit()
        guard code != 0 else { return }
        for number in state.batches.indices {
            note(FileError(path: path, action: "read", errno: code), &state.batches[number])
        }
    }

    /// Waits for one read that was started.
    private func reap(_ ring: ReadRing, _ state: inout State) {
        submit(ring, &state)
        let (tag, result) = ring.wait()
        let number = tag & 1
        let read = state.batches[number].reads[tag >> 1]
        if result < read.needed {
            // Interrupted, cut short, or an error: once more, by itself.
            note(complete(read), &state.batches[number])
        }
        forget(read)
        state.underWay -= 1
        state.batches[number].finished += 1
        state.batches[number].pending[read.part] -= 1
    }

    /// The next read that no thread has taken, of `part` or of an earlier one; parts are added in order.
    private func take(_ batch: ReadBatch, part: Int) -> StorageRead? {
        state.withLock { state in
            let own = state.batches[batch.rawValue]
            guard own.started < own.reads.count, own.reads[own.started].part <= part else { return nil }
            state.batches[batch.rawValue].started += 1
            return own.reads[own.started]
        }
    }

    private func finish(_ read: StorageRead, of batch: ReadBatch) {
        let failure = complete(read)
        forget(read)
        state.withLock { state in
            note(failure, &state.batches[batch.rawValue])
            state.batches[batch.rawValue].finished += 1
            state.batches[batch.rawValue].pending[read.part] -= 1
        }
    }

    private func note(_ failure: FileError?, _ batch: inout Batch) {
        if batch.failure == nil { batch.failure = failure }
    }

    /// Reads the whole piece on this thread.
    private func complete(_ read: StorageRead) -> FileError? {
        var done = 0
        while done < read.needed {
            let got = unsafe pread(
                descriptor, target.address(of: read.place + done), read.byteCount - done,
                off_t(read.offset + done))
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else {
                return FileError(path: path, action: "read", errno: got < 0 ? errno : ENODATA)
            }
            done += got
        }
        return nil
    }

    /// Takes what was read out of the page cache, where it went through it.
    private func forget(_ read: StorageRead) {
        if !isDirect {
            posix_fadvise(descriptor, off_t(read.offset), off_t(read.byteCount), POSIX_FADV_DONTNEED)
        }
    }

    /// How fast this file's storage is, found with a few reads into the target: 128 pieces of 4 KiB all over the
    /// first `byteCount` bytes, and 4 of 1 MiB. The best of three counts: the first ones also touch memory anew.
    /// Then large ones for an eighth of a second: storage that is limited, or has a cache, is fast for a moment.
    ///
    /// - Cost: 0.4 s from an SD card, 150 ms from fast storage.
    func measureSpeed(of byteCount: Int) throws(FileError) -> StorageSpeed {
        let (small, large) = (4096, min(1 << 20, target.count / 2 & ~4095))
        let few = min(128, target.count / small, byteCount / (2 * small))
        guard few > 0, byteCount > 2 * large else {
            return StorageSpeed(secondsPerRead: 0, bytesPerSecond: 1e9)
        }
        var (short, long) = (Double.infinity, Double.infinity)
        for round in 0..<3 {
            short = min(short, try seconds(few, of: small, byteCount, round))
            long = min(long, try seconds(4, of: large, byteCount, round))
        }
        let started = ProcessFacts.monotonicNanoseconds
        var (sustained, turns) = (0.0, 0)
        while sustained < 0.125 {
            _ = try seconds(4, of: large, byteCount, turns % 3)
            turns += 1
            sustained = Double(ProcessFacts.monotonicNanoseconds - started) * 1e-9
        }
        let rate = Double(4 * large) / max(long, sustained / Double(turns))
        return StorageSpeed(
            secondsPerRead: max(short / Double(few) - Double(small) / rate, 0), bytesPerSecond: rate)
    }

    /// The time of `count` reads, each round at places of its own.
    private func seconds(
        _ count: Int, of size: Int, _ byteCount: Int, _ round: Int
    ) throws(FileError) -> Double {
        let stride = (byteCount - size) / count & ~4095
        let first = stride / 3 * round & ~4095
        let started = ProcessFacts.monotonicNanoseconds
        begin()
        for number in 0..<count {
            let place = number * size % (target.count - size + 1) & ~4095
            add(
                StorageRead(
                    offset: first + number * stride, byteCount: size, needed: size, place: place))
        }
        submit()
        try wait()
        return Double(ProcessFacts.monotonicNanoseconds - started) * 1e-9
    }

    /// Takes the whole file out of the page cache: what was read of it in other ways.
    package func emptyPageCache() { posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }
}

/// The kernel's queue of reads.
///
/// UNSAFE FENCE: `ring` is made here and closed once; the owner lets one thread in at a time. The place of a read
/// was compared with its target by the owner, which retains the target until the read is done.
@safe private final class ReadRing: @unchecked Sendable {
    private let ring: OpaquePointer

    /// `nil` where the kernel has none, or does not let this process have one.
    init?(depth: UInt32) {
        var made: OpaquePointer?
        guard unsafe ch_ring_open(&made, depth) == 0, let made = unsafe made else { return nil }
        unsafe ring = made
    }

    deinit { unsafe ch_ring_close(ring) }

    func add(_ read: StorageRead, _ descriptor: Int32, _ target: SharedBuffer<UInt8>, tag: Int) {
        unsafe ch_ring_read(
            ring, descriptor, target.address(of: read.place), UInt32(read.byteCount), UInt64(read.offset),
            UInt64(tag))
    }

    /// Returns 0 or an errno value.
    func submit() -> Int32 { unsafe -ch_ring_submit(ring) }

    /// The tag of a read that is done, and its bytes or a negative errno value.
    func wait() -> (tag: Int, result: Int) {
        var (tag, result) = (UInt64(0), Int32(0))
        let code = unsafe ch_ring_wait(ring, &tag, &result)
        precondition(code == 0, "waiting for reads failed with \(-code)")
        return (Int(tag), Int(result))
    }
}
