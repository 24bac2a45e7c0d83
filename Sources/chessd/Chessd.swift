internal import ArgumentParser
internal import FoundationEssentials
internal import Generation
internal import Logging
internal import Server
internal import ServiceLifecycle
internal import SystemPackage
internal import UnixSignals
internal import WireAPI

/// The daemon's command line.
struct Chessd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chessd",
        abstract: "Serves one language model over HTTP on a Unix socket.",
        usage: "chessd --model NAME.chess [--socket PATH] [options]",
        discussion: """
            The model is a .chess file; chessctl import makes one from a GGUF file.

              chessctl import model.gguf -o NAME.chess
              chessd --model NAME.chess --socket /tmp/chessd.sock
              chessctl chat --socket /tmp/chessd.sock "Hello"
              curl --unix-socket /tmp/chessd.sock http://localhost/v1/chat/completions \\
                -d '{"messages": [{"role": "user", "content": "Hello"}]}'

            Each option can also be an environment variable (--log-level is CHESSD_LOG_LEVEL) or a line of \
            the settings file given with --config (log-level: debug). Options win over variables, variables \
            over the file, the file over the defaults. The file is plain YAML, one key: value a line.

            The daemon stops on SIGTERM or SIGINT; running answers may go on for --grace seconds.
            Exit codes: 0 stopped, 64 wrong options, 65 the model cannot be used, 66 no such model, 69 the \
            socket cannot be used, 70 an error of its own, 78 wrong settings.
            """,
        version: "chessd \(Version.current)")

    @Option(help: ArgumentHelp("Settings file, lines of \"key: value\" (YAML).", valueName: "file"))
    var config: String?
    @Option(help: ArgumentHelp("The model to serve, a .chess file.", valueName: "file"))
    var model: String?
    @Option(
        help: ArgumentHelp("The socket to listen on. (default: \(Settings.defaultSocket))", valueName: "path")
    )
    var socket: String?
    @Option(
        help: ArgumentHelp(
            "Listen on this TCP address too, such as 127.0.0.1:8080 or [::1]:8080; port 0 takes a free one. Only "
                + "loopback addresses, since there are no passwords. (default: the socket alone)",
            valueName: "host:port"))
    var listen: String?
    @Option(help: ArgumentHelp("Compute threads. (default: one per core)", valueName: "count"))
    var threads: String?
    @Option(
        help: ArgumentHelp(
            "Tokens of context. (default: 4096, or the model's own if less)", valueName: "tokens"))
    var context: String?
    @Option(
        help: ArgumentHelp(
            "Kernel set, such as scalar or neon. (default: the best there is)", valueName: "name"))
    var kernels: String?
    @Option(
        help: ArgumentHelp(
            "How keys and values of the context are kept: f16, or q8, which takes little more than half the memory. "
                + "(default: f16)", valueName: "format"))
    var kvCache: String?
    @Option(
        help: ArgumentHelp(
            "Where weights live: mapped, so that the kernel may take them back; resident, in large pages; or "
                + "auto, resident where memory is plenty, copied there after the start while nobody asks. "
                + "(default: auto)", valueName: "place"))
    var weights: String?
    @Option(
        help: ArgumentHelp(
            "Memory that the daemon may take, such as 700M, or auto for what is free. Weights that do not fit are "
                + "read when they are needed; the first profile decides which are kept. (default: no limit)",
            valueName: "bytes"))
    var memoryBudget: String?
    @Option(
        help: ArgumentHelp(
            "A sparsity profile made by chessctl calibrate; may be given several times. Requests name one as "
                + "\"sparsity\", or \"dense\"; the first serves those that name none. (default: dense)",
            valueName: "file"))
    var profile: [String] = []
    @Flag(help: "Leave channels out of prompts too, as evaluations do; answers alone do it otherwise.")
    var sparsePrefill = false
    @Option(
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical. (default: info)", valueName: "level"))
    var logLevel: String?
    @Option(help: ArgumentHelp("Requests that may wait. (default: 8)", valueName: "count"))
    var queue: String?
    @Option(
        help: ArgumentHelp("How long answers may go on when stopping. (default: 5)", valueName: "seconds"))
    var grace: String?
    @Option(help: ArgumentHelp("Largest request body. (default: 1048576)", valueName: "bytes"))
    var bodyLimit: String?
    @Option(help: ArgumentHelp("Open connections. (default: 64)", valueName: "count"))
    var connections: String?
    @Option(help: ArgumentHelp("When idle connections are closed. (default: 60)", valueName: "seconds"))
    var idleTimeout: String?
    @Option(
        help: ArgumentHelp(
            "How long a client may take to send its request or to take its answer. (default: 30)",
            valueName: "seconds"))
    var clientTimeout: String?
    @Option(
        help: ArgumentHelp(
            "End when no client has been connected for so long; the next one starts the daemon again through "
                + "chessd.socket. (default: 0, never)", valueName: "seconds"))
    var idleExit: String?
    @Flag(help: "Write prompts and answers into the log too.")
    var logTexts = false

    func run() async throws {
        let settings = try checked { () throws(SettingsError) in try readSettings() }
        let level = LogLevel(settings.logLevel)
        let logger = makeLogger(level)
        let socket = try findSocket(settings, logger)
        let notifier = SystemdNotifier()
        // From here on the signal is kept for later instead of ending the process.
        let signals = await UnixSignalsSequence(trapping: .sighup)
        let loader = EngineLoader(logger: logger)
        let switchboard = try await load(settings, by: loader, notifier)
        let (ready, becomesReady) = AsyncStream<Void>.makeStream()
        let daemon = Daemon(
            switchboard: switchboard, socket: socket, address: settings.listen, notifier: notifier,
            logger: logger,
            onReady: { places in
                announce(switchboard.current.generator, places, logger)
                becomesReady.yield()
            })
        let reloader = Reloader(
            signals: signals, ready: ready, started: settings,
            read: { () throws(SettingsError) in try readSettings() }, loader: loader,
            switchboard: switchboard, level: level, notifier: notifier, logger: logger)
        do {
            try await serve(
                daemon, reloader, PressureWatch(switchboard: switchboard, logger: logger), logger)
        } catch let error as SocketError {
            throw stop(.unavailable, error.description)
        } catch {
            throw stop(.software, "\(error)")
        }
        logger.info("stopped")
    }

    /// Loads the first model; what is wrong with it ends the program.
    private func load(
        _ settings: Settings, by loader: EngineLoader, _ notifier: any ServiceNotifier
    ) async throws -> Switchboard {
        guard FileManager.default.fileExists(atPath: settings.model) else {
            throw stop(
                .noInput, "\(settings.model): no such file; chessctl import makes one from a GGUF file")
        }
        notifier.status("loading \(settings.model)")
        do {
            let generator = try await TimeoutExtension.during(notifier) { try await loader.load(settings) }
            return Switchboard(
                Serving(
                    generator: generator, limits: settings.limits, logsTexts: settings.logTexts))
        } catch {
            throw stop(.dataError, "\(error)")
        }
    }

    private func readSettings() throws(SettingsError) -> Settings {
        let environment = ProcessInfo.processInfo.environment
        let path = config ?? environment["CHESSD_CONFIG"]
        var file: SettingsFile?
        if let path { file = try SettingsFile(path: path) }
        return try SettingsResolver(flags: flags, environment: environment, file: file).settings()
    }

    private func checked(_ read: () throws(SettingsError) -> Settings) throws -> Settings {
        do {
            return try read()
        } catch {
            throw stop(.config, error.description)
        }
    }

    private var flags: [String: String] {
        let given = [
            "model": model, "socket": socket, "listen": listen, "threads": threads, "context": context,
            "kernels": kernels, "kv-cache": kvCache, "weights": weights, "memory-budget": memoryBudget,
            "profile": profile.isEmpty ? nil : profile.joined(separator: ","),
            "sparse-prefill": sparsePrefill ? "true" : nil,
            "log-level": logLevel, "queue": queue, "grace": grace, "body-limit": bodyLimit,
            "connections": connections, "idle-timeout": idleTimeout, "client-timeout": clientTimeout,
            "idle-exit": idleExit, "log-texts": logTexts ? "true" : nil,
        ]
        return given.compactMapValues { $0 }
    }

    /// The socket that the service manager handed over, or else the one the settings name.
    private func findSocket(_ settings: Settings, _ logger: Logger) throws -> SocketSource {
        do {
            guard let socket = try InheritedSocket.find() else { return .path(settings.socket) }
            if let path = socket.path, path != settings.socket {
                logger.warning(
                    "the socket handed over is used, not the one in the settings",
                    metadata: ["socket": "\(path)", "settings": "\(settings.socket)"])
            }
            return .inherited(socket)
        } catch {
            throw stop(.unavailable, error.description)
        }
    }

    private func makeLogger(_ level: LogLevel) -> Logger {
        let usesJournal = JournalLogHandler.isAvailable
        return Logger(label: "chessd") { label -> any LogHandler in
            usesJournal
                ? JournalLogHandler(label: label, level: level) : StderrLogHandler(label: label, level: level)
        }
    }

    private func announce(
        _ generator: any TextGenerator, _ places: ListeningPlaces, _ logger: Logger
    ) {
        let status = generator.status()
        var facts: Logger.Metadata = [
            "model": "\(generator.model.name)", "kernels": "\(status.kernels)",
            "threads": "\(status.threads)", "socket": "\(places.socket)",
        ]
        if let address = places.address { facts["listen"] = "\(address)" }
        logger.log(.ready, .info, "ready", facts)
    }

    private func serve(
        _ daemon: Daemon, _ reloader: Reloader, _ pressure: PressureWatch, _ logger: Logger
    ) async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: daemon, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .cancelGroup, serviceName: "daemon"),
                    .init(
                        service: reloader, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .cancelGroup, serviceName: "reloader"),
                    // It ends at once where nothing is to be watched.
                    .init(
                        service: pressure, successTerminationBehavior: .ignore,
                        failureTerminationBehavior: .ignore, serviceName: "pressure"),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
        try await group.run()
    }

    /// Says why on standard error and gives the exit code to leave with.
    private func stop(_ code: SystemExit, _ reason: String) -> ExitCode {
        _ = try? FileDescriptor.standardError.writeAll("chessd: \(reason)\n".utf8)
        return ExitCode(code.rawValue)
    }
}

/// The exit codes of sysexits.h that the daemon uses.
enum SystemExit: Int32 {
    case dataError = 65
    case noInput = 66
    case unavailable = 69
    case software = 70
    case config = 78
}

extension SettingsFile {
    /// Reads the file at `path`.
    init(path: String) throws(SettingsError) {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            let isThere = FileManager.default.fileExists(atPath: path)
            throw .unreadable(
                path: path, reason: isThere ? "permission denied or not a file" : "no such file")
        }
        guard data.count <= Self.maximumBytes else {
            throw .unreadable(
                path: path, reason: "\(data.count) bytes, a settings file has at most \(Self.maximumBytes)")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .unreadable(path: path, reason: "not UTF-8")
        }
        try self.init(path: path, text: text)
    }
}
