internal import Decoder
internal import Machine
internal import Synchronization

/// Where engines of one decoder compute: its thread, its queue, and who goes first.
final class EngineRoom: Sendable {
    let queue: JobQueue
    private let core: EngineCore
    private let thread: ComputeThread
    private let predecessors: Mutex<[Predecessor]>
    private let isAsked = Atomic<Bool>(false)

    /// The queue of an engine that was replaced. It lives as long as that engine has work or could still get some.
    private struct Predecessor {
        weak var queue: JobQueue?
    }

    init(_ core: EngineCore, _ queue: JobQueue, _ thread: ComputeThread, after room: EngineRoom?) {
        self.core = core
        self.queue = queue
        self.thread = thread
        predecessors = Mutex(room?.queues.map { Predecessor(queue: $0) } ?? [])
    }

    /// Its own queue, behind those of replaced engines that are not gone yet.
    var queues: [JobQueue] { earlierQueues + [queue] }

    private var earlierQueues: [JobQueue] {
        predecessors.withLock { predecessors in
            predecessors.removeAll { $0.queue == nil }
            return predecessors.compactMap(\.queue)
        }
    }

    /// Serves requests until none waits, after what replaced engines have begun.
    func drain() async {
        await JobQueue.waitUntilEmpty(earlierQueues)
        await core.drain()
    }

    /// Lets the cache of weights follow its share now, where nothing is computed.
    func resizeCache() async { await core.resizeCache() }

    /// Computes with another copy of the weights from the next request on.
    func take(_ weights: ModelWeights) async -> Decoder { await core.take(weights) }

    /// Whether nothing runs or waits, in engines that were replaced neither.
    var isIdle: Bool { queues.allSatisfy(\.isEmpty) }

    /// How far its thread has come, and those of replaced engines that have work left. Asks its own thread to do a
    /// step when it is idle.
    func pulse() -> EnginePulse {
        if !isAsked.exchange(true, ordering: .relaxed) {
            // Answered behind the running request, whose steps count as well; so there is never more than one.
            Task {
                await core.beat()
                isAsked.store(false, ordering: .relaxed)
            }
        }
        let alive = earlierQueues.filter { !$0.isEmpty } + [queue]
        return EnginePulse(
            Dictionary(uniqueKeysWithValues: alive.map { (ObjectIdentifier($0), $0.progress) }))
    }

    deinit { thread.stop() }
}
