internal import NIOCore
internal import Synchronization

/// Closes a connection whose client has stopped taking bytes.
///
/// One timer per answer looks every quarter of the limit, because scheduling one per token would wake the
/// event loop each time.
final class StallGuard: Sendable {
    private let channel: any Channel
    private let limit: Duration
    private let writeBegan = Mutex<ContinuousClock.Instant?>(nil)

    init(channel: any Channel, limit: Duration) {
        self.channel = channel
        self.limit = limit
    }

    /// Starts the timer; the caller cancels it.
    func start() -> RepeatedTask {
        let pause = TimeAmount(limit / 4)
        return channel.eventLoop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { [self] _ in
            let isStalled = writeBegan.withLock { began in
                began.map { ContinuousClock.now - $0 > limit } ?? false
            }
            if isStalled { channel.close(promise: nil) }
        }
    }

    /// From here until `endWrite()` the client owes progress.
    func beginWrite() { writeBegan.withLock { $0 = .now } }

    func endWrite() { writeBegan.withLock { $0 = nil } }
}
