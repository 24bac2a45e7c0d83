internal import Generation
internal import HummingbirdCore
package import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import Synchronization

/// Where the daemon's socket comes from.
package enum SocketSource: Sendable, Equatable {
    /// The daemon makes it, with mode 0660, and removes it. The path has at most 103 bytes; its directory exists.
    case path(String)
    /// The service manager made it and keeps it.
    case inherited(InheritedSocket)
}

/// The HTTP server on its Unix socket, from the first check of the path to the removal of the file; and, where
/// asked for, the same server on a loopback address.
package struct Daemon: Service {
    private let switchboard: Switchboard
    private let socket: SocketSource
    private let address: ListenAddress?
    private let notifier: any ServiceNotifier
    private let logger: Logger
    private let onReady: @Sendable (ListeningPlaces) -> Void

    /// - Parameters:
    ///   - address: where to listen besides; `nil` is the socket alone.
    ///   - onReady: called once clients can connect.
    package init(
        switchboard: Switchboard, socket: SocketSource, address: ListenAddress? = nil,
        notifier: any ServiceNotifier, logger: Logger,
        onReady: @escaping @Sendable (ListeningPlaces) -> Void = { _ in }
    ) {
        self.switchboard = switchboard
        self.socket = socket
        self.address = address
        self.notifier = notifier
        self.logger = logger
        self.onReady = onReady
    }

    /// Serves until the service group shuts down or the task is cancelled, and removes the socket.
    ///
    /// - Throws: `SocketError`.
    package func run() async throws {
        try await serve(on: Self.group)
    }

    /// One loop is plenty for a few streams, and leaves the other cores to the model. It lives as long as the
    /// process: a connection's last timer may fire after the server has ended.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private func serve(on group: MultiThreadedEventLoopGroup) async throws {
        guard case .path(let path) = socket else { return try await listen(on: group) }
        let file = SocketFile(path: path)
        try await file.prepare(on: group)
        let inode = Mutex<String?>(nil)
        let mask = SocketMask.Hold()
        defer {
            mask.release()
            file.remove(inode: inode.withLock { $0 })
        }
        try await listen(on: group) {
            mask.release()
            inode.withLock { $0 = file.inode() }
        }
    }

    /// Runs the listeners until both have ended, or one cannot start.
    private func listen(
        on group: MultiThreadedEventLoopGroup, onSocketOpen: @escaping @Sendable () -> Void = {}
    ) async throws {
        let connections = ConnectionTable()
        let (opened, opening) = AsyncStream<SocketAddress?>.makeStream()
        let main = listener(
            at: socket.place, connections, group, idleExit: canExitWhenIdle ? makeIdleExit : nil)
        let beside = address.map { listener(at: .address($0), connections, group) }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await drainOnShutdown(connections) }
            tasks.addTask { await watch(group.any()) }
            tasks.addTask { await announce(opened, listeners: beside == nil ? 1 : 2) }
            tasks.addTask {
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask {
                        try await main.run { channel in
                            onSocketOpen()
                            opening.yield(channel.localAddress)
                        }
                    }
                    if let beside {
                        tasks.addTask { try await beside.run { opening.yield($0.localAddress) } }
                    }
                    // Not `waitForAll`, which would wait for the other one too before it tells of an error.
                    for try await _ in tasks {}
                }
                throw CancellationError()
            }
            do {
                for try await _ in tasks {}
            } catch is CancellationError {
                tasks.cancelAll()
            }
        }
    }

    /// Only where the service manager starts the daemon again for the next client.
    private var canExitWhenIdle: Bool {
        if case .inherited = socket, address == nil { return true }
        guard switchboard.current.limits.idleExit != nil else { return false }
        logger.warning(
            """
            idle-exit has no effect: only a daemon with a socket from systemd, and no address beside it, is \
            started again by its next client
            """)
        return false
    }

    @Sendable private func makeIdleExit() -> IdleExit {
        IdleExit(
            limit: { switchboard.current.limits.idleExit },
            isBusy: {
                let status = switchboard.current.generator.status()
                return status.activity != .idle || status.queued > 0
            },
            onExit: {
                logger.log(.idle, .info, "idle, stopping until the next client comes")
                notifier.stopping()
            })
    }

    /// Tells the manager that the engine and the event loop are alive, where it wants to hear it.
    private func watch(_ loop: any EventLoop) async {
        guard let period = notifier.watchdogPeriod else { return }
        var watchdog = Watchdog(switchboard: switchboard, notifier: notifier, logger: logger, period: period)
        while (try? await Task.sleep(for: watchdog.pause)) != nil {
            // A loop that hangs keeps the watchdog here.
            _ = try? await loop.submit {}.get()
            watchdog.look()
        }
    }

    /// Says that clients can connect, once every listener is open.
    private func announce(_ opened: AsyncStream<SocketAddress?>, listeners: Int) async {
        var places = ListeningPlaces()
        var count = 0
        for await address in opened {
            count += 1
            if let address = ListenAddress(address) { places.address = address }
            if let path = address?.pathname { places.socket = path }
            if count == listeners { break }
        }
        guard count == listeners else { return }
        onReady(places)
        notifier.ready(switchboard.statusLine)
    }

    private func listener(
        at place: Listener.Place, _ connections: ConnectionTable, _ group: any EventLoopGroup,
        idleExit: (@Sendable () -> IdleExit)? = nil
    ) -> Listener {
        let isTCP = if case .address = place { true } else { false }
        var ownLogger = logger
        ownLogger.logLevel = max(logger.logLevel, .warning)
        return Listener(
            place: place, group: group, connections: { switchboard.current.limits.connections },
            makeHTTP: { makeHTTP(connections, closesWithInput: isTCP) }, makeIdleExit: idleExit,
            logger: ownLogger)
    }

    /// How one connection is served: each of its requests with what is on the switchboard when it comes.
    private func makeHTTP(_ connections: ConnectionTable, closesWithInput: Bool) -> HTTP1Channel {
        HTTP1Channel(
            responder: { request, writer, channel in
                let responder = Responder(
                    switchboard: switchboard, connections: connections, notifier: notifier, logger: logger)
                try await responder.respond(to: request, through: writer, over: channel)
            },
            configuration: .init(
                additionalChannelHandlers: [
                    ConnectionWatch(table: connections, closesWithInput: closesWithInput), ParseErrorAnswer(),
                ],
                idleTimeout: TimeAmount(switchboard.current.limits.idleTimeout),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 64 * 1024, maxHeaderFieldCount: 100)))
    }

    /// Once told to stop: the server has stopped accepting by itself; running answers get `grace`, then
    /// the engine ends them, then, for clients that do not read, their connections are closed.
    private func drainOnShutdown(_ connections: ConnectionTable) async throws {
        try await gracefulShutdown()
        notifier.stopping()
        let serving = switchboard.current
        let (generator, limits) = (serving.generator, serving.limits)
        logger.log(.stopping, .info, "stopping", ["grace": "\(limits.grace)"])
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await generator.shutDown(grace: limits.grace) }
            tasks.addTask {
                guard (try? await Task.sleep(for: limits.grace + limits.closingTime)) != nil else { return }
                connections.closeAll()
            }
            await tasks.waitForAll()
        }
    }
}

extension SocketSource {
    var place: Listener.Place {
        switch self {
        case .path(let path): .path(path)
        case .inherited(let socket): .inherited(socket)
        }
    }
}

/// Where clients can connect.
package struct ListeningPlaces: Sendable, Equatable {
    /// The socket's path; empty when it has none.
    package var socket = ""
    /// The TCP address in use, with the port the system chose.
    package var address: ListenAddress?
}
