internal import FoundationEssentials
internal import Generation
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import WireAPI

/// Answers one HTTP request, all of it by one model and one set of limits.
struct Responder: Sendable {
    private let switchboard: Switchboard
    private let generator: any TextGenerator
    private let limits: ServerLimits
    private let logsTexts: Bool
    private let connections: ConnectionTable
    private let notifier: any ServiceNotifier
    private let logger: Logger

    init(
        switchboard: Switchboard, connections: ConnectionTable, notifier: any ServiceNotifier, logger: Logger
    ) {
        self.switchboard = switchboard
        let serving = switchboard.current
        (generator, limits, logsTexts) = (serving.generator, serving.limits, serving.logsTexts)
        self.connections = connections
        self.notifier = notifier
        self.logger = logger
    }

    private enum Outcome {
        case reply(Reply)
        case generation(PreparedRequest, AsyncThrowingStream<GenerationEvent, any Error>)
    }

    @concurrent
    func respond(
        to request: Request, through writer: consuming ResponseWriter, over channel: any Channel
    ) async throws {
        let stall = StallGuard(channel: channel, limit: limits.writeTimeout)
        let timer = stall.start()
        defer { timer.cancel() }
        if request.headers[.expect]?.lowercased() == "100-continue",
            announcedLength(request) <= limits.bodyBytes
        {
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
        }
        let record = RequestRecord(
            path: path(request), model: generator.model.name, peer: await Peer.of(channel),
            logsTexts: logsTexts, logger: logger)
        switch await decide(request, over: channel, record) {
        case .reply(let reply):
            if reply.status.kind == .successful { record.replied(status: reply.status.code) }
            try await reply.send(through: writer, watchedBy: stall)
            if reply.status == .contentTooLarge { closeLater(channel) }
        case .generation(let prepared, let events):
            let relay = EventRelay(events)
            connections.onClose(of: channel, relay.stop)
            defer {
                relay.stop()
                connections.clearAction(of: channel)
                notifier.status(switchboard.statusLine)
            }
            notifier.status(switchboard.statusLine)
            let shape = shape(prepared)
            record.queued(shape.id, prompt: prompt(prepared))
            let answer = AnswerWriter(
                request: prepared, shape: shape, generator: generator, stall: stall, record: record)
            do {
                try await answer.run(relay.events, through: writer)
            } catch {
                record.clientLeft()
                throw error
            }
        }
    }

    /// Everything up to the start of a generation. Errors become replies here.
    private func decide(
        _ request: Request, over channel: any Channel, _ record: RequestRecord
    ) async -> Outcome {
        var allowed: String?
        do {
            let target = request.head.path ?? "/"
            for method in ["GET", "POST"] where (try? Route(method: method, target: target)) != nil {
                allowed = method
            }
            let report = StatusReport(generator)
            switch try Route(method: request.method.rawValue, target: target) {
            case .health:
                return .reply(Reply(report.health, status: report.isStopping ? .serviceUnavailable : .ok))
            case .models:
                return .reply(Reply(report.models))
            case .model(let name):
                guard name == report.model.name else {
                    throw APIError(
                        status: 404, code: .modelNotFound, param: "model",
                        message: "\(name.prefix(80)): no such model; loaded is \(report.model.name)")
                }
                return .reply(Reply(report.modelJSON))
            case .chat:
                let body = try await readBody(request, over: channel)
                return try start(PreparedRequest(ChatRequest(body: body), for: generator))
            case .completion:
                let body = try await readBody(request, over: channel)
                return try start(PreparedRequest(CompletionRequest(body: body), for: generator))
            case .tokenizerInfo:
                return .reply(Reply(report.tokenizerInfo))
            case .tokenize:
                let request = try TokenizeRequest(body: try await readBody(request, over: channel))
                return .reply(Reply(tokenize(request)))
            case .detokenize:
                let request = try DetokenizeRequest(body: try await readBody(request, over: channel))
                return .reply(Reply(try detokenize(request)))
            }
        } catch {
            let answer = APIError(answering: error)
            record.refused(answer, cause: error)
            return .reply(Reply(answer, allowed: allowed))
        }
    }

    private func start(_ prepared: PreparedRequest) throws -> Outcome {
        .generation(prepared, try generator.generate(prepared.generations))
    }

    private func shape(_ prepared: PreparedRequest) -> AnswerShape {
        let suffix = String(UInt64.random(in: .min ... .max), radix: 36)
        return AnswerShape(
            endpoint: prepared.endpoint, suffix: suffix, model: generator.model.name,
            created: Int(Date().timeIntervalSince1970))
    }

    /// The prompts as the model sees them.
    private func prompt(_ prepared: PreparedRequest) -> String {
        let texts = prepared.generations.map { request in
            let bytes = request.prompt.flatMap { generator.bytes(of: $0, showSpecial: true) }
            return String(decoding: bytes, as: UTF8.self)
        }
        return texts.joined(separator: "\n")
    }

    private func path(_ request: Request) -> String {
        String((request.head.path ?? "/").prefix { $0 != "?" }.prefix(80))
    }
}

// Text to tokens and back, for clients that count them.
extension Responder {
    private func tokenize(_ request: TokenizeRequest) -> JSONValue {
        let tokens = generator.tokenize(request.text, addSpecial: request.addSpecial, parseSpecial: true)
        return [
            "count": .int(tokens.count), "max_model_len": .int(generator.model.contextLength),
            "tokens": .array(tokens.map { .int(Int($0)) }),
        ]
    }

    private func detokenize(_ request: DetokenizeRequest) throws(GenerationError) -> JSONValue {
        let size = generator.model.vocabularySize
        for token in request.tokens where Int(token) >= size {
            throw .tokenOutOfRange(id: token, vocabularySize: size)
        }
        let bytes = request.tokens.flatMap { generator.bytes(of: $0, showSpecial: true) }
        return ["prompt": .string(String(decoding: bytes, as: UTF8.self))]
    }
}

// Request bodies.
extension Responder {
    /// The whole body. A client that takes too long to send it is cut off.
    private func readBody(_ request: Request, over channel: any Channel) async throws -> [UInt8] {
        let length = announcedLength(request)
        guard length <= limits.bodyBytes else { throw tooLarge(length) }
        let alarm = channel.eventLoop.scheduleTask(in: TimeAmount(limits.bodyTimeout)) {
            channel.close(promise: nil)
        }
        defer { alarm.cancel() }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length)
        for try await buffer in request.body {
            guard bytes.count + buffer.readableBytes <= limits.bodyBytes else {
                throw tooLarge(bytes.count + buffer.readableBytes)
            }
            bytes += buffer.readableBytesView
        }
        return bytes
    }

    /// The length the client announced; 0 when it did not.
    private func announcedLength(_ request: Request) -> Int {
        request.headers[.contentLength].flatMap { Int($0) } ?? 0
    }

    private func tooLarge(_ count: Int) -> APIError {
        APIError(
            status: 413, code: .bodyTooLarge,
            message: "the body: holds \(count) bytes or more, at most \(limits.bodyBytes) are read; "
                + "send less or raise --body-limit")
    }

    /// Lets a client that is still sending read its answer first: closing at once would discard it.
    private func closeLater(_ channel: any Channel) {
        let alarm = channel.eventLoop.scheduleTask(in: TimeAmount(limits.bodyTimeout)) {
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { _ in alarm.cancel() }
    }
}
