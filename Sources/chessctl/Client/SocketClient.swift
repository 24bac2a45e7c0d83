internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import WireAPI

/// One HTTP/1.1 exchange per connection with the daemon on its Unix socket.
struct SocketClient: Sendable {
    let path: String

    private typealias Channel = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>
    private typealias Parts = NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator

    /// The longest answer that is kept whole.
    private static let maximumBytes = 64 << 20

    /// Asks for `target` and returns the whole answer.
    ///
    /// - Parameter timeout: the most time until the answer is complete.
    func get(_ target: String, timeout: Duration) async throws -> JSONValue {
        try await exchange(.GET, target, body: nil, timeout: timeout) { status, parts in
            try await collect(&parts, status: status)
        }
    }

    /// Sends `body` and returns the whole answer.
    func post(_ target: String, body: JSONValue) async throws -> JSONValue {
        try await exchange(.POST, target, body: body) { status, parts in
            try await collect(&parts, status: status)
        }
    }

    /// Sends `body` and hands over each server-sent event as it comes; returns after `[DONE]`.
    func stream(
        _ target: String, body: JSONValue, onEvent: @Sendable (JSONValue) async throws -> Void
    ) async throws {
        try await exchange(.POST, target, body: body) { status, parts in
            guard status == .ok else {
                _ = try await collect(&parts, status: status)
                return
            }
            var events = EventStreamReader()
            while let part = try await parts.next(isolation: #isolation) {
                guard case .body(let buffer) = part else { continue }
                for event in events.read(buffer.readableBytesView) {
                    if event == "[DONE]" { return }
                    let value = try parse(Array(event.utf8))
                    if let error = value["error"] { throw answered(status: 500, error) }
                    try await onEvent(value)
                }
                guard events.pendingBytes <= Self.maximumBytes else { throw tooLong }
            }
            try Task.checkCancellation()
            throw ClientError.cutShort(path: path)
        }
    }

    /// The connection ended before the answer began.
    private struct Unanswered: Error { let error: ClientError }

    /// One exchange, and another when the daemon ends without a word: one that hung or crashed is started again by its
    /// service manager, and may have taken the connection in its last moment. A request changes nothing, so it may be
    /// made twice.
    private func exchange<R: Sendable>(
        _ method: HTTPMethod, _ target: String, body: JSONValue?, timeout: Duration? = nil,
        receive: (HTTPResponseStatus, inout Parts) async throws -> R
    ) async throws -> R {
        do {
            return try await attempt(method, target, body, timeout, receive)
        } catch is Unanswered {
            Terminal.note("chessctl: the daemon ended before it answered; asking again")
        }
        do {
            return try await attempt(method, target, body, timeout, receive)
        } catch let unanswered as Unanswered {
            throw unanswered.error
        }
    }

    private func attempt<R: Sendable>(
        _ method: HTTPMethod, _ target: String, _ body: JSONValue?, _ timeout: Duration?,
        _ receive: (HTTPResponseStatus, inout Parts) async throws -> R
    ) async throws -> R {
        var hasBegun = false
        func ended(_ error: ClientError) -> any Error { hasBegun ? error : Unanswered(error: error) }
        let channel = try await connect()
        let begin = ContinuousClock.now
        let alarm = timeout.map { timeout in
            channel.channel.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
                channel.channel.close(promise: nil)
            }
        }
        defer { alarm?.cancel() }
        do {
            return try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(contentsOf: parts(of: method, target, body))
                var parts = inbound.makeAsyncIterator()
                while let part = try await parts.next(isolation: #isolation) {
                    guard case .head(let head) = part else { continue }
                    hasBegun = true
                    return try await receive(head.status, &parts)
                }
                try Task.checkCancellation()
                if let timeout, ContinuousClock.now - begin >= timeout {
                    throw ClientError.silent(path: path, seconds: timeout.components.seconds)
                }
                throw ended(.cutShort(path: path))
            }
        } catch let error as IOError {
            try Task.checkCancellation()
            throw ended(.connection(path: path, reason: error.description))
        } catch let error as HTTPParserError {
            try Task.checkCancellation()
            // A daemon that was killed leaves a chunk or the end of a body unsaid.
            guard error == .invalidEOFState else {
                throw ClientError.notUnderstood(path: path, reason: "\(error)")
            }
            throw ended(.cutShort(path: path))
        } catch is ChannelError {
            try Task.checkCancellation()
            throw ended(.cutShort(path: path))
        }
    }

    /// A whole request, to be written at once: the daemon answers when it has the head of one without a body, and
    /// may have closed the connection before a part that comes later.
    private func parts(of method: HTTPMethod, _ target: String, _ body: JSONValue?) -> [HTTPClientRequestPart]
    {
        let bytes = body?.utf8
        var headers: HTTPHeaders = ["Host": "localhost", "Connection": "close", "User-Agent": "chessctl"]
        if let bytes {
            headers.add(name: "Content-Type", value: "application/json")
            headers.add(name: "Content-Length", value: String(bytes.count))
        }
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: target, headers: headers)
        return [.head(head)] + (bytes.map { [.body(.byteBuffer(ByteBuffer(bytes: $0)))] } ?? []) + [.end(nil)]
    }

    private func connect() async throws -> Channel {
        guard path.utf8.count <= 103 else {
            throw ClientError.pathTooLong(path: path, byteCount: path.utf8.count)
        }
        do {
            return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: path) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        return try Channel(wrappingChannelSynchronously: channel)
                    }
                }
        } catch let error as IOError {
            throw switch POSIXErrorCode(rawValue: error.errnoCode) {
            case .ENOENT, .ENOTDIR: ClientError.socketMissing(path: path)
            case .ECONNREFUSED, .ENOTSOCK: ClientError.refused(path: path)
            case .EACCES, .EPERM: ClientError.permissionDenied(path: path)
            default: ClientError.connection(path: path, reason: error.description)
            }
        }
    }
}

// Answers.
extension SocketClient {
    private var tooLong: ClientError { .notUnderstood(path: path, reason: "it is too long") }

    private func collect(
        _ parts: inout Parts, status: HTTPResponseStatus
    ) async throws -> JSONValue {
        var bytes: [UInt8] = []
        var isComplete = false
        while let part = try await parts.next(isolation: #isolation) {
            switch part {
            case .head: continue
            case .body(let buffer): bytes += buffer.readableBytesView
            case .end: isComplete = true
            }
            if isComplete { break }
            guard bytes.count <= Self.maximumBytes else { throw tooLong }
        }
        try Task.checkCancellation()
        guard isComplete else { throw ClientError.cutShort(path: path) }
        let value = try parse(bytes)
        if let error = value["error"] { throw answered(status: Int(status.code), error) }
        return value
    }

    private func parse(_ bytes: [UInt8]) throws(ClientError) -> JSONValue {
        do {
            return try JSONValue(parsing: bytes)
        } catch {
            throw .notUnderstood(path: path, reason: error.description)
        }
    }

    private func answered(status: Int, _ error: JSONValue) -> ClientError {
        .answered(status: status, message: error["message"]?.stringValue ?? error.text)
    }
}
