internal import Synchronization

/// One client's requests on their way through the engine: one place in the queue, computed in a row.
final class Job: Sendable {
    let requests: [GenerationRequest]
    /// What its requests may leave out: the daemon's profiles at the time it came.
    let sparsity: SparsityPlans
    let events: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
    private let cancelled = Atomic<Bool>(false)

    init(
        _ requests: [GenerationRequest], sparsity: SparsityPlans,
        events: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
    ) {
        self.requests = requests
        self.sparsity = sparsity
        self.events = events
    }

    /// The generation stops before its next token.
    func cancel() { cancelled.store(true, ordering: .relaxed) }
    var isCancelled: Bool { cancelled.load(ordering: .relaxed) }
}

/// The bounded queue of requests, and what the engine tells about itself; shared between threads.
final class JobQueue: Sendable {
    private struct State {
        var waiting: [Job] = []
        var running: Job?
        var isStopping = false
        var status: EngineStatus
    }

    private let state: Mutex<State>
    private let steps = Atomic<UInt64>(0)

    /// What the thread that serves this queue has done: tokens, layers of prompts, answers to heartbeats.
    var progress: UInt64 { steps.load(ordering: .relaxed) }
    func step() { steps.add(1, ordering: .relaxed) }

    init(_ status: EngineStatus) { state = Mutex(State(status: status)) }

    /// Puts `job` at the end of the queue.
    func add(_ job: Job) throws(GenerationError) {
        let refusal: GenerationError? = state.withLock { state in
            if state.isStopping { return .stopping }
            let capacity = state.status.queueCapacity
            // The running request has left the queue; an idle engine takes one more at once.
            let room = state.running == nil ? capacity + 1 : capacity
            if state.waiting.count >= room { return .queueFull(capacity: capacity) }
            state.waiting.append(job)
            return nil
        }
        if let refusal { throw refusal }
    }

    /// The next request, which is the running one until `finish`.
    func takeNext() -> Job? {
        state.withLock { state in
            guard !state.waiting.isEmpty else { return nil }
            let job = state.waiting.removeFirst()
            state.running = job
            state.status.activity = .prefill
            return job
        }
    }

    /// Stops `job` wherever it is; a waiting one leaves the queue at once.
    func cancel(_ job: Job) {
        job.cancel()
        state.withLock { state in state.waiting.removeAll { $0 === job } }
    }

    func update(_ body: (inout EngineStatus) -> Void) { state.withLock { body(&$0.status) } }

    func finish() {
        state.withLock { state in
            state.running = nil
            state.status.activity = .idle
        }
    }

    /// Refuses whatever comes from now on.
    func refuseNew() { state.withLock { $0.isStopping = true } }

    /// Stops the running request and all that wait; the waiting ones are returned, to be told.
    func cancelAll() -> [Job] {
        state.withLock { state in
            state.running?.cancel()
            defer { state.waiting.removeAll() }
            return state.waiting
        }
    }

    var isEmpty: Bool { state.withLock { $0.running == nil && $0.waiting.isEmpty } }

    var status: EngineStatus {
        state.withLock { state in
            var status = state.status
            status.queued = state.waiting.count
            if state.isStopping { status.activity = .stopping }
            return status
        }
    }

    /// Returns once nothing runs or waits in any of them, or at the deadline.
    static func waitUntilEmpty(_ queues: [JobQueue], deadline: ContinuousClock.Instant? = nil) async {
        while queues.contains(where: { !$0.isEmpty }) {
            if let deadline, ContinuousClock().now >= deadline { return }
            guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return }
        }
    }
}
