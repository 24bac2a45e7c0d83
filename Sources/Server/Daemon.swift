package import Generation
internal import HummingbirdCore
package import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import Synchronization

/// The HTTP server on its Unix socket, from the first check of the path to the removal of the file; and, where
/// asked for, the same server on a loopback address.
package struct Daemon: Service {
    private let generator: any TextGenerator
    private let socket: SocketFile
    private let address: ListenAddress?
    private let limits: ServerLimits
    private let notifier: any ServiceNotifier
    private let logger: Logger
    private let onReady: @Sendable (ListenAddress?) -> Void

    /// - Parameters:
    ///   - socketPath: at most 103 bytes; its directory exists. The socket gets mode 0660.
    ///   - address: where to listen besides; `nil` is the socket alone.
    ///   - onReady: called once clients can connect, with the address in use.
    package init(
        generator: any TextGenerator, socketPath: String, address: ListenAddress? = nil, limits: ServerLimits,
        notifier: any ServiceNotifier, logger: Logger,
        onReady: @escaping @Sendable (ListenAddress?) -> Void = { _ in }
    ) {
        self.generator = generator
        self.socket = SocketFile(path: socketPath)
        self.address = address
        self.limits = limits
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
        try await socket.prepare(on: group)
        let connections = ConnectionTable()
        let inode = Mutex<String?>(nil)
        let mask = SocketMask.Hold()
        let (opened, opening) = AsyncStream<SocketAddress?>.makeStream()
        let main = makeServer(.unixDomainSocket(path: socket.path), connections, group: group) { _ in
            mask.release()
            inode.withLock { $0 = socket.inode() }
            opening.yield(nil)
        }
        let beside = address.map { address in
            makeServer(.hostname(address.host, port: address.port), connections, group: group) { channel in
                opening.yield(channel.localAddress)
            }
        }
        defer {
            mask.release()
            socket.remove(inode: inode.withLock { $0 })
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await drainOnShutdown(connections) }
            tasks.addTask { await announce(opened, servers: beside == nil ? 1 : 2) }
            tasks.addTask {
                try await run(main, and: beside)
                throw CancellationError()
            }
            do {
                for try await _ in tasks {}
            } catch is CancellationError {
                tasks.cancelAll()
            }
        }
    }

    /// Runs the servers until both have ended, or one cannot start.
    private func run(_ main: any Service, and beside: (any Service)?) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                do {
                    try await main.run()
                } catch let error as IOError {
                    throw SocketError.cannotBind(path: socket.path, reason: error.description)
                }
            }
            if let beside, let address {
                tasks.addTask {
                    do {
                        try await beside.run()
                    } catch let error as IOError {
                        throw SocketError.cannotListen(address: address, reason: error.description)
                    }
                }
            }
            // Not `waitForAll`, which would wait for the other server too before it tells of an error.
            for try await _ in tasks {}
        }
    }

    /// Says that clients can connect, once every server listens.
    private func announce(_ opened: AsyncStream<SocketAddress?>, servers: Int) async {
        var (count, address) = (0, ListenAddress?.none)
        for await channelAddress in opened {
            count += 1
            address = address ?? ListenAddress(channelAddress)
            if count == servers { break }
        }
        guard count == servers else { return }
        onReady(address)
        notifier.ready(StatusReport(generator).line)
    }

    private func makeServer(
        _ address: BindAddress, _ connections: ConnectionTable, group: any EventLoopGroup,
        onRunning: @escaping @Sendable (any Channel) -> Void
    ) -> any Service {
        let responder = Responder(
            generator: generator, limits: limits, connections: connections, notifier: notifier, logger: logger
        )
        let isTCP = address != .unixDomainSocket(path: socket.path)
        var ownLogger = logger
        ownLogger.logLevel = max(logger.logLevel, .warning)
        let channel = HTTP1Channel(
            responder: { request, writer, channel in
                try await responder.respond(to: request, through: writer, over: channel)
            },
            configuration: .init(
                additionalChannelHandlers: [
                    ConnectionWatch(table: connections, closesWithInput: isTCP), ParseErrorAnswer(),
                ],
                idleTimeout: TimeAmount(limits.idleTimeout),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 64 * 1024, maxHeaderFieldCount: 100)))
        return channel.server(
            configuration: ServerConfiguration(
                address: address,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    limits.connections, logger: ownLogger)),
            onServerRunning: { onRunning($0) },
            eventLoopGroup: group,
            logger: ownLogger)
    }

    /// Once told to stop: the server has stopped accepting by itself; running answers get `grace`, then
    /// the engine ends them, then, for clients that do not read, their connections are closed.
    private func drainOnShutdown(_ connections: ConnectionTable) async throws {
        try await gracefulShutdown()
        notifier.stopping()
        logger.info("stopping", metadata: ["grace": "\(limits.grace)"])
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
