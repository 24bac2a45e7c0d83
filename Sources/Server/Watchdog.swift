internal import Generation
internal import Logging

/// Passes the engine's signs of life on to the service manager.
///
/// Its own running proves nothing: the manager hears of it only when the computation has moved since the last
/// look. So a thread that hangs, idle or in the middle of a token, ends the messages and with them the program.
struct Watchdog {
    private let switchboard: Switchboard
    private let notifier: any ServiceNotifier
    private let logger: Logger
    private let period: Duration
    private var last: EnginePulse
    private var missed = 0

    /// Looks per period: what takes three quarters of it is still no hang.
    private static let looks = 4

    /// Time between two looks.
    var pause: Duration { period / Self.looks }

    init(switchboard: Switchboard, notifier: any ServiceNotifier, logger: Logger, period: Duration) {
        self.switchboard = switchboard
        self.notifier = notifier
        self.logger = logger
        self.period = period
        last = switchboard.current.generator.pulse()
    }

    /// Compares with the last look.
    mutating func look() {
        let pulse = switchboard.current.generator.pulse()
        defer { last = pulse }
        if pulse.hasMoved(since: last) {
            if missed >= Self.warning { logger.notice("the engine moves again") }
            missed = 0
            notifier.alive()
            return
        }
        missed += 1
        if missed == Self.warning {
            logger.log(
                .engineHangs, .critical, "the engine hangs; the service manager is about to end the daemon",
                ["silence": "\(pause * missed)", "watchdog": "\(period)"])
        }
    }

    /// Looks without a sign of life after which it is worth a line.
    private static let warning = 3
}
