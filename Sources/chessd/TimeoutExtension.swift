internal import Machine
internal import Server

/// Asks the service manager for more time while a model loads, as long as the process is seen to work.
///
/// A cold model on an SD card takes minutes, which no fixed limit fits; a reader that hangs must still run into
/// the limit.
enum TimeoutExtension {
    private static let pause = Duration.seconds(5)
    private static let addition = Duration.seconds(30)

    static func during<R: Sendable>(
        _ notifier: any ServiceNotifier, _ body: @Sendable () async throws -> R
    ) async throws -> R {
        let asking = Task {
            var before = Work()
            notifier.extendTimeout(addition)
            while (try? await Task.sleep(for: pause)) != nil {
                let now = Work()
                if now.isBeyond(before) { notifier.extendTimeout(addition) }
                before = now
            }
        }
        defer { asking.cancel() }
        return try await body()
    }

    /// What the process has done so far.
    private struct Work {
        let processor = ProcessFacts.processorNanoseconds
        let read = ProcessFacts.storageBytesRead

        /// More than the asking itself costs.
        func isBeyond(_ earlier: Work) -> Bool {
            read > earlier.read || processor > earlier.processor + 10_000_000
        }
    }
}
