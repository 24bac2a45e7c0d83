import Machine
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
    @Test(arguments: [1, 2, 3, 5])
    func everyWorkerRunsOnceAndSeesWhatOthersWroteBeforeTheBarrier(threads: Int) {
        let pool = WorkerPool(threadCount: threads)
        let marks = SharedBuffer<Int>(count: threads)
        let sums = SharedBuffer<Int>(count: threads)
        for round in 1...200 {
            pool.run { worker in
                marks[worker.index] += round
                worker.barrier()
                sums[worker.index] = (0..<threads).reduce(0) { $0 + marks[$1] }
            }
        }
        #expect(marks.elements(0..<threads) == Array(repeating: 20_100, count: threads))
        #expect(sums.elements(0..<threads) == Array(repeating: 20_100 * threads, count: threads))
    }

    @Test(arguments: [1, 2, 3, 4, 7], [0, 1, 63, 64, 65, 576, 1536])
    func sharesCoverEverythingOnceInWholeUnits(threads: Int, total: Int) {
        let pool = WorkerPool(threadCount: threads)
        let bounds = SharedBuffer<Int>(count: 2 * threads)
        pool.run { worker in
            let share = worker.share(of: total, unit: 64)
            bounds[2 * worker.index] = share.lowerBound
            bounds[2 * worker.index + 1] = share.upperBound
        }
        var next = 0
        for index in 0..<threads {
            let (lower, upper) = (bounds[2 * index], bounds[2 * index + 1])
            #expect(lower == next)
            #expect(lower % 64 == 0 || lower == total)
            next = upper
        }
        #expect(next == total)
    }

    @Test func claimsAreHandedOutOnce() {
        let pool = WorkerPool(threadCount: 4)
        let counters = ClaimCounters(count: 2)
        let taken = SharedBuffer<UInt8>(count: 1000)
        for _ in 0..<3 {
            counters.reset()
            pool.run { _ in
                while true {
                    let unit = counters.claim(1)
                    guard unit < 1000 else { return }
                    taken[unit] += 1
                }
            }
        }
        #expect(taken.elements(0..<1000) == Array(repeating: 3, count: 1000))
    }

    @Test(arguments: [1, 2, 3, 4], [true, false])
    func sharesAreTakenOnceFromTheFrontAndHelpedWithFromTheBack(threads: Int, isDivided: Bool) {
        let pool = WorkerPool(threadCount: threads)
        let shares = WorkShares(count: 2, workers: threads)
        for total in [0, 1, threads, 5, 1000] {
            let taken = SharedBuffer<UInt8>(count: total)
            shares.reset()
            pool.run { worker in
                while let piece = shares.take(1, of: total, by: worker, isDivided: isDivided) {
                    taken[piece] += 1
                }
            }
            #expect(taken.elements(0..<total) == Array(repeating: 1, count: total))
        }
        // One that works alone walks its own pieces forwards, then those of the others backwards.
        shares.reset()
        let order = Mutex<[Int]>([])
        pool.run { worker in
            guard worker.index == 0 else { return }
            while let piece = shares.take(0, of: 12, by: worker, isDivided: isDivided) {
                order.withLock { $0.append(piece) }
            }
        }
        let own = Array(0..<(isDivided ? 12 / threads : 12))
        let helped = (own.count..<12).map { piece in
            let (share, place) = (piece / own.count, piece % own.count)
            return share * own.count + own.count - 1 - place
        }
        #expect(order.withLock { $0 } == own + helped)
    }
}

@Suite struct ComputeThreadTests {
    actor Counter {
        let thread: ComputeThread
        private var value = 0
        nonisolated var unownedExecutor: UnownedSerialExecutor { thread.reference }
        init(_ thread: ComputeThread) { self.thread = thread }
        func add() -> Int {
            value += 1
            return value
        }
    }

    @Test func callsFromManyTasksAreServedOneAtATime() async {
        let thread = ComputeThread.start(name: "test-compute")
        defer { thread.stop() }
        let counter = Counter(thread)
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<500 { group.addTask { await counter.add() } }
            var seen: Set<Int> = []
            for await value in group { seen.insert(value) }
            #expect(seen == Set(1...500))
        }
    }
}
