internal import CHost
internal import Glibc
internal import Synchronization

/// A fixed set of threads that run one closure together and meet at barriers.
///
/// The calling thread is worker 0; the others are pthreads that live as long as the pool. Between runs they
/// spin for a moment, because a token follows the last one within microseconds, then sleep.
@safe package final class WorkerPool: Sendable {
    package let threadCount: Int
    private let shared: PoolState

    /// Starts `threadCount - 1` threads; at least one worker exists, the caller.
    package init(threadCount: Int) {
        self.threadCount = max(1, threadCount)
        shared = PoolState(count: self.threadCount)
        for index in 1..<max(1, self.threadCount) {
            let state = shared
            Threads.start(name: "chess-worker-\(index)") { state.serve(index) }
        }
    }

    deinit { shared.stop() }

    /// Runs `body` once on every worker and returns when all have finished.
    ///
    /// Not re-entrant: one run at a time, which the engine's single thread guarantees.
    package func run(_ body: @Sendable (Worker) -> Void) {
        // UNSAFE FENCE: the closure is forgotten by every thread before `run` returns, see `PoolState.finish`.
        withoutActuallyEscaping(body) { escaping in shared.run(escaping) }
    }
}

/// One thread's part in a run.
package struct Worker: Sendable {
    /// 0 for the caller of `run`.
    package let index: Int
    package let count: Int
    fileprivate let state: PoolState

    /// Waits until every worker of the run is here; what they wrote before is visible after.
    package func barrier() { state.barrier.wait(count: count) }

    /// This worker's share of `0..<total`, in whole `unit`s, so that shares differ by one unit at most.
    package func share(of total: Int, unit: Int = 1) -> Range<Int> {
        Self.share(of: total, unit: unit, index: index, count: count)
    }

    fileprivate static func share(of total: Int, unit: Int = 1, index: Int, count: Int) -> Range<Int> {
        let units = (total + unit - 1) / unit
        let lower = units * index / count * unit
        let upper = units * (index + 1) / count * unit
        return min(lower, total)..<min(upper, total)
    }

    /// Pieces of `range`, of `unit` each, dealt out to the workers in turn: for work that is not spread evenly.
    package func pieces(of range: Range<Int>, unit: Int) -> some Sequence<Range<Int>> {
        stride(from: range.lowerBound + index * unit, to: range.upperBound, by: unit * count).lazy
            .map { $0..<min($0 + unit, range.upperBound) }
    }
}

/// Counters from which workers take pieces of work one at a time, whoever is free first.
///
/// UNSAFE FENCE: each counter is a word of the buffer, changed only by an atomic addition while a run is on
/// and by `reset` while no worker claims.
@safe package final class ClaimCounters: Sendable {
    private let counters: SharedBuffer<UInt32>

    package init(count: Int) { counters = SharedBuffer(count: count) }

    /// Sets every counter to zero. Only one worker may call it, with a barrier before the next claim.
    package func reset() { for index in 0..<counters.count { counters[index] = 0 } }

    /// The next unclaimed number of counter `index`: 0, 1, 2, ...
    package func claim(_ index: Int) -> Int {
        precondition(index >= 0 && index < counters.count, "\(index) of \(counters.count)")
        return unsafe Int(ch_claim(counters.address(of: index)))
    }
}

/// Rows of pieces of work, of which every worker has a share.
///
/// It takes them from the front of its own, one after another, so that it reads memory in one direction and knows what
/// comes next; once that is done, from the back of the others'.
///
/// UNSAFE FENCE: each word of the buffer is changed only by an atomic addition while a run is on and by `reset` while
/// no worker takes.
@safe package final class WorkShares: Sendable {
    /// `[workers][count]`: what was taken from the front in the lower half of a word, from the back in the upper one.
    private let taken: SharedBuffer<UInt64>
    private let count: Int

    /// - Parameters:
    ///   - count: of rows.
    ///   - workers: at most.
    package init(count: Int, workers: Int) {
        self.count = count
        taken = SharedBuffer(count: count * workers)
    }

    /// Makes all pieces free. Only one worker may call it, with a barrier before the next is taken.
    package func reset() { for index in 0..<taken.count { taken[index] = 0 } }

    /// The next free piece of row `index`, which has `total`; `nil` when none is.
    ///
    /// - Parameter isDivided: without it all have one share, and take its pieces in order.
    package func take(_ index: Int, of total: Int, by worker: Worker, isDivided: Bool = true) -> Int? {
        precondition(index >= 0 && index < count, "\(index) of \(count)")
        let shares = isDivided ? worker.count : 1
        for turn in 0..<shares {
            let owner = isDivided ? (worker.index + turn) % shares : 0
            let share = Worker.share(of: total, index: owner, count: shares)
            let before = unsafe ch_take(
                taken.address(of: owner * count + index), turn == 0 ? 1 : 1 << 32)
            let (front, back) = (Int(truncatingIfNeeded: before & 0xffff_ffff), Int(before >> 32))
            guard front + back < share.count else { continue }
            return turn == 0 ? share.lowerBound + front : share.upperBound - 1 - back
        }
        return nil
    }
}

/// What the threads of a pool share.
///
/// UNSAFE FENCE: `job` is written by the caller of `run` before `epoch` is raised (release) and read by the
/// workers after they saw it raised (acquire); it is cleared after all have finished. The mutex and condition
/// live at fixed addresses from `init` to `deinit` and serve only to sleep.
@safe private final class PoolState: @unchecked Sendable {
    private let count: Int
    private var job: (@Sendable (Worker) -> Void)?
    private let epoch = Atomic<UInt32>(0)
    private let isStopping = Atomic<Bool>(false)
    private let bell = Bell()
    let barrier = SpinBarrier()
    private let finished = SpinBarrier()

    init(count: Int) { self.count = count }

    func run(_ body: @escaping @Sendable (Worker) -> Void) {
        guard count > 1 else {
            body(Worker(index: 0, count: 1, state: self))
            return
        }
        job = body
        epoch.add(1, ordering: .sequentiallyConsistent)
        bell.ring()
        body(Worker(index: 0, count: count, state: self))
        finished.wait(count: count)
        job = nil
    }

    func serve(_ index: Int) {
        var seen: UInt32 = 0
        while true {
            var spins = 0
            while epoch.load(ordering: .acquiring) == seen {
                if isStopping.load(ordering: .relaxed) { return }
                spins += 1
                if spins < 4000 { ch_relax() } else { bell.sleep(while: { self.mustSleep(seen) }) }
            }
            seen &+= 1
            job?(Worker(index: index, count: count, state: self))
            finished.wait(count: count)
        }
    }

    func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        bell.ring()
    }

    private func mustSleep(_ seen: UInt32) -> Bool {
        epoch.load(ordering: .sequentiallyConsistent) == seen
            && !isStopping.load(ordering: .sequentiallyConsistent)
    }
}

/// A barrier on which threads spin, and give up their processor when the others are long in coming.
private final class SpinBarrier: Sendable {
    private let arrived = Atomic<Int>(0)
    private let generation = Atomic<UInt32>(0)

    func wait(count: Int) {
        guard count > 1 else { return }
        let mine = generation.load(ordering: .relaxed)
        if arrived.add(1, ordering: .acquiringAndReleasing).newValue == count {
            arrived.store(0, ordering: .relaxed)
            generation.add(1, ordering: .releasing)
            return
        }
        var spins = 0
        while generation.load(ordering: .acquiring) == mine {
            spins += 1
            // About 100 us: longer means that a thread lost its processor, and ours may be the one it needs.
            if spins < 10_000 { ch_relax() } else { sched_yield() }
        }
    }
}
