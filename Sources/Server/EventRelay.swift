internal import Generation

/// Carries a generation's events to the task that writes them and drops the generation when the client goes.
///
/// The writer itself cannot be cancelled from the connection's close: it owns a noncopyable response writer
/// and so cannot live in a task of its own.
struct EventRelay {
    let events: AsyncThrowingStream<GenerationEvent, any Error>
    private let pump: Task<Void, Never>

    init(_ source: AsyncThrowingStream<GenerationEvent, any Error>) {
        let (events, continuation) = AsyncThrowingStream<GenerationEvent, any Error>.makeStream()
        self.events = events
        pump = Task {
            do {
                for try await event in source { continuation.yield(event) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
    }

    /// Drops the generation's stream; `events` ends without `finished`.
    var stop: @Sendable () -> Void {
        let pump = pump
        return { pump.cancel() }
    }
}
