import FoundationEssentials
import Generation
import Glibc
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

@testable import Server

/// Runs `body` with a new directory and removes it afterwards. Its path is short enough for a socket.
func withTemporaryDirectory<R>(_ body: (String) async throws -> R) async throws -> R {
    let path = "/tmp/chessd-test-\(UInt32.random(in: 0 ... .max))"
    // With its mode in so many words: a daemon that is just binding narrows the process's mask.
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

/// A daemon in this process, on a socket of its own.
struct TestDaemon: Sendable {
    let socket: String
    /// The TCP address in use; empty when there is none.
    let address: String
    let group: ServiceGroup
    let notifications: AsyncStream<String>

    /// Runs `body` with a daemon that is ready, then stops it.
    static func running<R>(
        _ generator: any TextGenerator, limits: ServerLimits = ServerLimits(), socket: String? = nil,
        address: ListenAddress? = nil, logsTexts: Bool = false,
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        _ body: (TestDaemon) async throws -> R
    ) async throws -> R {
        try await withTemporaryDirectory { directory in
            let socket = socket ?? directory + "/s"
            let (ready, readySource) = AsyncStream<String>.makeStream()
            let (notifications, notificationSource) = AsyncStream<String>.makeStream()
            let daemon = Daemon(
                switchboard: Switchboard(
                    Serving(generator: generator, limits: limits, logsTexts: logsTexts)),
                socket: .path(socket), address: address,
                notifier: RecordingNotifier(source: notificationSource), logger: logger,
                onReady: { readySource.yield($0.address?.description ?? "") })
            let group = ServiceGroup(
                configuration: .init(
                    services: [.init(service: daemon, successTerminationBehavior: .gracefullyShutdownGroup)],
                    logger: logger))
            let running = Task {
                defer { readySource.finish() }
                try await group.run()
            }
            defer { running.cancel() }
            guard let bound = await ready.next() else {
                try await running.value
                throw CancellationError()
            }
            let result = try await body(
                TestDaemon(
                    socket: socket, address: bound, group: group, notifications: notifications))
            await group.triggerGracefulShutdown()
            try await running.value
            return result
        }
    }
}

/// Passes on what the service manager would hear.
struct RecordingNotifier: ServiceNotifier {
    let source: AsyncStream<String>.Continuation
    func ready(_ status: String) { source.yield("ready: \(status)") }
    func status(_ status: String) {}
    func reloading() { source.yield("reloading") }
    func extendTimeout(_ time: Duration) {}
    var watchdogPeriod: Duration? { nil }
    func alive() { source.yield("alive") }
    func stopping() { source.yield("stopping") }
}

/// An HTTP answer taken apart just enough to compare.
struct RawAnswer: Equatable {
    var status: Int
    var headers: [String: String]
    var body: String

    init(_ text: String) {
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        var lines = (parts.first ?? "").split(separator: "\r\n")
        status =
            lines.isEmpty ? 0 : Int(lines.removeFirst().split(separator: " ").dropFirst().first ?? "") ?? 0
        headers = [:]
        for line in lines {
            let pair = line.split(separator: ":", maxSplits: 1)
            headers[pair[0].lowercased()] = pair.count > 1 ? String(pair[1].drop { $0 == " " }) : ""
        }
        let rest = String(parts.count > 1 ? parts[1] : "")
        body = headers["transfer-encoding"] == "chunked" ? Self.joinChunks(rest) : rest
    }

    private static func joinChunks(_ text: String) -> String {
        var (rest, body) = (Array(text.utf8)[...], [UInt8]())
        while let end = rest.firstIndex(of: 0x0D),
            let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16),
            size > 0, rest.count >= end + 2 - rest.startIndex + size + 2
        {
            body += rest[(end + 2)..<(end + 2 + size)]
            rest = rest[(end + 2 + size + 2)...]
        }
        return String(decoding: body, as: UTF8.self)
    }
}

/// A client that writes and reads plain bytes, so that tests see what is on the wire.
struct RawConnection {
    let channel: any Channel
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private(set) var received = ""

    /// - Parameter place: a path, or an address as `ListenAddress` reads it.
    static func open<R>(_ place: String, _ body: (inout RawConnection) async throws -> R) async throws -> R {
        let target =
            if place.hasPrefix("/") {
                try SocketAddress(unixDomainSocketPath: place)
            } else {
                try ListenAddress(place).target
            }
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(to: target) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var connection = RawConnection(
                channel: channel.channel, inbound: inbound.makeAsyncIterator(), outbound: outbound)
            return try await body(&connection)
        }
    }

    private init(
        channel: any Channel, inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.channel = channel
        self.inbound = inbound
        self.outbound = outbound
    }

    func send(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

    func send(_ method: String, _ path: String, body: [UInt8], headers: String = "") async throws {
        let head = "\(method) \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\(headers)\r\n"
        try await outbound.write(ByteBuffer(bytes: Array(head.utf8) + body))
    }

    /// Closes the sending side only.
    func finishSending() { outbound.finish() }

    /// Reads until what has come contains `text`; false when the connection ended before.
    mutating func read(until text: String) async throws -> Bool {
        while !received.contains(text) {
            guard let buffer = try await inbound.next(isolation: #isolation) else { return false }
            received += String(buffer: buffer)
        }
        return true
    }

    /// Reads to the end of the connection.
    mutating func readAll() async throws -> RawAnswer {
        do {
            while let buffer = try await inbound.next(isolation: #isolation) {
                received += String(buffer: buffer)
            }
        } catch is IOError {}  // a reset also ends it
        return RawAnswer(received)
    }
}

extension ListenAddress {
    fileprivate var target: SocketAddress {
        get throws { try SocketAddress(ipAddress: host, port: port) }
    }
}

/// One request on a connection of its own.
func ask(
    _ place: String, _ method: String, _ path: String, body: [UInt8] = [], headers: String = ""
) async throws -> RawAnswer {
    try await RawConnection.open(place) { connection in
        try await connection.send(method, path, body: body, headers: "Connection: close\r\n" + headers)
        return try await connection.readAll()
    }
}

/// A Unix socket bound to a path.
func boundSocket(_ type: __socket_type, _ path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let status = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    guard status == 0 else { throw IOError(errnoCode: errno, reason: "bind") }
    return descriptor
}
