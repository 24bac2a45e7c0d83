internal import Synchronization

/// An executor with one thread of its own, for an actor whose work must not block the cooperative pool.
///
/// A call from elsewhere costs two thread switches, about 34 us: nothing per token, too much per layer.
@safe package final class ComputeThread: SerialExecutor {
    private let jobs = Mutex<[UnownedJob]>([])
    private let isStopping = Atomic<Bool>(false)
    private let bell = Bell()

    private init() {}

    /// Starts a thread called `name`; it ends after `stop`, when all its jobs are done.
    package static func start(name: String) -> ComputeThread {
        let executor = ComputeThread()
        Threads.start(name: name) { executor.serve() }
        return executor
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        jobs.withLock { $0.append(unowned) }
        bell.ring()
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    /// For `unownedExecutor` of an actor that keeps this thread in a property of its own.
    @safe package var reference: UnownedSerialExecutor { unsafe asUnownedSerialExecutor() }

    /// Lets the thread end once nothing waits. No actor on it may be used afterwards.
    package func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        bell.ring()
    }

    private func serve() {
        while true {
            let batch = jobs.withLock { waiting in
                defer { waiting.removeAll(keepingCapacity: true) }
                return waiting
            }
            for job in batch { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
            if !batch.isEmpty { continue }
            if isStopping.load(ordering: .sequentiallyConsistent) { return }
            bell.sleep(while: { self.isIdle })
        }
    }

    private var isIdle: Bool {
        jobs.withLock { $0.isEmpty } && !isStopping.load(ordering: .sequentiallyConsistent)
    }
}
