internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOExtras
internal import NIOPosix
internal import ServiceLifecycle

/// Accepts connections at one place and answers HTTP on each.
///
/// In place of HummingbirdCore's own server, which binds paths and addresses only: a socket that the service
/// manager has bound already is taken as it is.
struct Listener: Sendable {
    enum Place: Sendable, Equatable {
        case path(String)
        case address(ListenAddress)
        case inherited(InheritedSocket)
    }

    let place: Place
    let group: any EventLoopGroup
    /// Connections at once; more wait in the kernel's queue.
    let connections: @Sendable () -> Int
    /// How the next connection is served.
    let makeHTTP: @Sendable () -> HTTP1Channel
    /// What ends the listener when nobody comes; `nil` when nothing does.
    let makeIdleExit: (@Sendable () -> IdleExit)?
    let logger: Logger

    private struct Connection: Sendable {
        let http: HTTP1Channel
        let channel: HTTP1Channel.Value
    }

    /// Serves until the service group shuts down, or something closes the listening channel; returns when the
    /// last connection has ended.
    ///
    /// - Parameter onOpen: called once, with the channel that listens.
    func run(onOpen: @Sendable (any Channel) -> Void) async throws(SocketError) {
        let quiescing = ServerQuiescingHelper(group: group)
        let (accepted, accepting) = AsyncStream<Connection>.makeStream()
        let channel = try await open(bootstrap(quiescing, accepting))
        // A connection enters the stream on the loop that closes the channel, so none comes after the end.
        channel.closeFuture.whenComplete { _ in accepting.finish() }
        onOpen(channel)
        await withTaskCancellationOrGracefulShutdownHandler {
            await withDiscardingTaskGroup { tasks in
                for await connection in accepted {
                    tasks.addTask { await connection.http.handle(value: connection.channel, logger: logger) }
                }
            }
        } onCancelOrGracefulShutdown: {
            quiescing.initiateShutdown(promise: nil)
        }
        try? await channel.closeFuture.get()
    }

    private func bootstrap(
        _ quiescing: ServerQuiescingHelper, _ accepting: AsyncStream<Connection>.Continuation
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        AvailableConnectionsChannelHandler(
                            delegate: ConnectionLimit(limit: connections)),
                        quiescing.makeServerChannelHandler(channel: channel),
                    ])
                    if let makeIdleExit { try channel.pipeline.syncOperations.addHandler(makeIdleExit()) }
                }
            }
            .childChannelInitializer { channel in
                let http = makeHTTP()
                return http.setup(channel: channel, logger: logger).map { channel in
                    let connection = Connection(http: http, channel: channel)
                    guard case .terminated = accepting.yield(connection) else { return }
                    // Only after a cancellation: a channel that nobody serves must still be finished.
                    Task { try? await channel.executeThenClose { _, _ in } }
                }
            }
    }

    private func open(_ bootstrap: ServerBootstrap) async throws(SocketError) -> any Channel {
        do {
            switch place {
            case .path(let path):
                return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true)
                    .get()
            case .address(let address):
                return try await bootstrap.bind(host: address.host, port: address.port).get()
            case .inherited(let socket):
                return try await bootstrap.withBoundSocket(socket.descriptor).get()
            }
        } catch {
            let reason = (error as? IOError)?.description ?? "\(error)"
            switch place {
            case .path(let path): throw .cannotBind(path: path, reason: reason)
            case .address(let address): throw .cannotListen(address: address, reason: reason)
            case .inherited(let socket):
                throw .cannotAdopt(descriptor: socket.descriptor, reason: reason)
            }
        }
    }
}

/// Leaves clients in the kernel's queue while as many are connected as may be.
private struct ConnectionLimit: AvailableConnectionsDelegate {
    let limit: @Sendable () -> Int
    private var count = 0

    init(limit: @escaping @Sendable () -> Int) { self.limit = limit }

    mutating func connectionOpened() { count += 1 }
    mutating func connectionClosed() { count -= 1 }
    func isAcceptingNewConnections() -> Bool { count < limit() }
}
