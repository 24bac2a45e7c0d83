internal import Synchronization
internal import UnixSignals

/// Turns Ctrl-C into the end of what is being done, instead of the end of the program.
final class InterruptWatch: Sendable {
    private let action = Mutex<(@Sendable () -> Void)?>(nil)

    /// Catches Ctrl-C while `body` runs.
    static func watching<R: Sendable>(
        _ body: @Sendable (InterruptWatch) async throws -> R
    ) async throws -> R {
        let watch = InterruptWatch()
        let signals = await UnixSignalsSequence(trapping: .sigint)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in signals { watch.action.withLock { $0 }?() }
            }
            defer { group.cancelAll() }
            return try await body(watch)
        }
    }

    /// Runs `body` as a task that Ctrl-C cancels.
    func cancelling<R: Sendable>(_ body: @escaping @Sendable () async throws -> R) async throws -> R {
        let task = Task { try await body() }
        return try await during({ task.cancel() }) {
            try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        }
    }

    /// Runs `body`; Ctrl-C runs `onInterrupt` meanwhile.
    func during<R>(_ onInterrupt: @escaping @Sendable () -> Void, _ body: () async throws -> R) async throws
        -> R
    {
        action.withLock { $0 = onInterrupt }
        defer { action.withLock { $0 = nil } }
        return try await body()
    }
}
