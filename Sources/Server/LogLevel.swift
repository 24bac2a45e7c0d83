package import Logging
internal import Synchronization

/// The level from which on records are written, shared by all copies of the program's logger, so that a reload
/// reaches them.
package final class LogLevel: Sendable {
    private let level: Mutex<Logger.Level>

    package init(_ level: Logger.Level) { self.level = Mutex(level) }

    package var value: Logger.Level {
        get { level.withLock { $0 } }
        set { level.withLock { $0 = newValue } }
    }
}
