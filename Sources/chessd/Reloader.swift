internal import Generation
internal import Logging
internal import Server
internal import ServiceLifecycle
internal import UnixSignals

internal import func Glibc.isatty

/// Reads the settings again on each SIGHUP and puts what they say on the switchboard.
///
/// What runs goes on with what it began with. Settings that cannot be used change nothing.
struct Reloader: Service {
    let signals: UnixSignalsSequence
    /// One element once the daemon is ready; a signal before that waits.
    let ready: AsyncStream<Void>
    let started: Settings
    let read: @Sendable () throws(SettingsError) -> Settings
    let loader: EngineLoader
    let switchboard: Switchboard
    let level: LogLevel
    let notifier: any ServiceNotifier
    let logger: Logger

    /// Serves signals until the service group shuts down, or the terminal that the daemon was started in hangs up.
    func run() async throws {
        let hadTerminal = Self.hasTerminal
        for await _ in ready.cancelOnGracefulShutdown() { break }
        moveWeights()
        for await _ in signals.cancelOnGracefulShutdown() {
            if hadTerminal, !Self.hasTerminal { return }
            await reload()
            moveWeights()
        }
    }

    /// It takes as long as requests keep the processors busy, and the process may end meanwhile.
    private func moveWeights() {
        Task { [loader] in await loader.moveWeights() }
    }

    private static var hasTerminal: Bool { isatty(2) == 1 }

    private func reload() async {
        notifier.reloading()
        do {
            let settings = try read()
            let generator = try await TimeoutExtension.during(notifier) { try await loader.load(settings) }
            switchboard.exchange(
                Serving(generator: generator, limits: settings.limits, logsTexts: settings.logTexts))
            level.value = settings.logLevel
            warnAboutTheRest(settings)
            logger.log(
                .reloaded, .notice, "reloaded",
                [
                    "model": "\(generator.model.name)",
                    "profiles": "\(generator.model.profiles.joined(separator: " "))",
                    "log-level": "\(settings.logLevel)",
                ])
        } catch {
            switchboard.keep(because: "\(error)")
            logger.log(
                .reloadFailed, .error, "reload failed, the settings are unchanged", ["reason": "\(error)"])
        }
        notifier.ready(switchboard.statusLine)
    }

    /// Where the daemon listens is decided once.
    private func warnAboutTheRest(_ settings: Settings) {
        let changed = [
            settings.socket == started.socket ? nil : "socket",
            settings.listen == started.listen ? nil : "listen",
        ].compactMap { $0 }
        for name in changed {
            logger.warning("only a restart changes this setting", metadata: ["setting": "\(name)"])
        }
    }
}
