internal import Generation
package import Logging
internal import Machine
internal import ServiceLifecycle

/// Makes the cache of weights smaller while memory is short, before the kernel takes memory or ends a process, and
/// lets it grow back later. Does nothing where all weights are in memory, or where the kernel does not tell.
package struct PressureWatch: Service {
    private let switchboard: Switchboard
    private let logger: Logger
    private let interval: Duration
    private let read: @Sendable () -> MemoryPressure.Reading?

    package init(switchboard: Switchboard, logger: Logger) {
        let pressure = MemoryPressure()
        self.init(switchboard: switchboard, logger: logger, interval: .seconds(2)) { pressure?.reading }
    }

    /// - Parameter read: asked once an interval, until it has nothing to say.
    init(
        switchboard: Switchboard, logger: Logger, interval: Duration,
        read: @escaping @Sendable () -> MemoryPressure.Reading?
    ) {
        self.switchboard = switchboard
        self.logger = logger
        self.interval = interval
        self.read = read
    }

    /// Watches until the service group shuts down.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var share = CacheShare()
            // A reload may bring weights that are all in memory, but never a budget.
            while switchboard.current.generator.status().memory != nil, let reading = read() {
                if let change = share.observe(reading) { apply(change) }
                guard (try? await Task.sleep(for: interval)) != nil else { return }
            }
        }
    }

    private func apply(_ change: CacheShare.Change) {
        switchboard.current.generator.limitCache(to: change.share)
        var facts: Logger.Metadata = [
            "cache_percent": "\(percent(change.share))", "previous_percent": "\(percent(change.before))",
            "stalled_percent": "\(percent(change.stalled))",
            "resident_bytes": "\(ProcessFacts.residentBytes)",
        ]
        guard change.share > change.before else {
            logger.log(.cacheShrinks, .warning, "memory is short, fewer weights are kept", facts)
            return
        }
        facts["calm_seconds"] = "\(Int(change.calmSeconds.rounded()))"
        logger.log(.cacheGrows, .notice, "memory suffices, more weights are kept", facts)
    }

    /// With one digit behind the point.
    private func percent(_ share: Double) -> Double { (share * 1000).rounded() / 10 }
}
