import Generation
import NIOCore
import NIOPosix
import Support
import Synchronization
import Testing
import WireAPI

@testable import chessctl

/// The client commands' own parts, the last of them against a daemon.
@Suite(.timeLimit(.minutes(1))) struct ClientTests {
    /// However the bytes are cut, the same events come out.
    @Test(arguments: 1...40)
    func eventsSurviveEveryCut(size: Int) {
        let bytes = Array(
            "data: {\"a\":1}\n\n: comment\r\ndata:two\r\ndata: lines\r\n\r\ndata: é\n\ndata: rest".utf8)
        var reader = EventStreamReader()
        var events: [String] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            events += reader.read(bytes[start..<min(start + size, bytes.count)])
        }
        #expect(events == ["{\"a\":1}", "two\nlines", "é"])
        #expect(reader.pendingBytes == "data: rest".utf8.count)
    }

    @Test(arguments: [
        ("", ChatHistory.Input.nothing), ("   ", .nothing), ("/exit", .exit), ("/quit ", .exit),
        ("/help", .help),
        ("/reset", .reset), ("/system  be  brief", .system("be brief")), ("/system", .system(nil)),
        ("/exti", .unknown("/exti")), ("what is /reset?", .message("what is /reset?")),
    ])
    func typedLinesAreUnderstood(line: String, expected: ChatHistory.Input) {
        #expect(ChatHistory.Input(line) == expected)
    }

    @Test func historyKeepsTheSystemMessageWhenReset() {
        var history = ChatHistory(system: "be brief")
        history.ask("a")
        history.hear("b")
        #expect(
            history.messages == [
                ["role": "system", "content": "be brief"], ["role": "user", "content": "a"],
                ["role": "assistant", "content": "b"],
            ])
        history.reset()
        #expect(history == ChatHistory(system: "be brief"))
    }

    @Test(arguments: [
        (0.0, 1, "0.0"), (2.345, 2, "2.35"), (0.005, 2, "0.01"), (12.0, 0, "12"), (-1.5, 1, "-1.5"),
        (9.99, 1, "10.0"),
    ])
    func numbersAreRounded(value: Double, decimals: Int, expected: String) {
        #expect(AnswerPrinter.fixed(value, decimals) == expected)
    }

    @Test(arguments: [
        (ClientError.socketMissing(path: "/s"), Int32(69)), (.refused(path: "/s"), 69),
        (.permissionDenied(path: "/s"), 77),
        (.answered(status: 400, message: "m"), 65), (.answered(status: 503, message: "m"), 75),
        (.answered(status: 500, message: "m"), 70), (.cutShort(path: "/s"), 76), (.stopped(path: "/s"), 75),
        (.noQuestion, 64),
    ])
    func exitCodesTellErrorsApart(error: ClientError, code: Int32) {
        #expect(error.exitCode == code)
    }

    @Test func missingSocketSaysWhatToDo() async {
        let error = ClientError.socketMissing(path: "/nowhere/s")
        await #expect(throws: error) {
            try await SocketClient(path: "/nowhere/s").get("/health", timeout: .seconds(5))
        }
        #expect(
            error.description
                == "/nowhere/s: no daemon there; start it with systemctl start chessd, "
                + "or name another socket with --socket"
        )
    }

    @Test func streamIsReadToItsEnd() async throws {
        let generator = ScriptedGenerator()
        try await TestDaemon.running(generator) { daemon in
            let client = SocketClient(path: daemon.socket)
            let text = Mutex("")
            async let reading: Void = client.stream("/v1/completions", body: ["prompt": "a", "stream": true])
            { event in
                text.withLock { $0 += event["choices"]?[0]?["text"]?.stringValue ?? "" }
            }
            let run = await generator.runs.next()
            run?.start()
            run?.say("one ")
            run?.say("two")
            run?.finish(.stop, tokens: 2)
            try await reading
            #expect(text.withLock { $0 } == "one two")
        }
    }

    @Test func refusalKeepsTheDaemonsWords() async throws {
        try await TestDaemon.running(ScriptedGenerator(refusal: .queueFull(capacity: 8))) { daemon in
            let client = SocketClient(path: daemon.socket)
            let expected = ClientError.answered(
                status: 503, message: "8 requests are waiting already; try again in a moment")
            await #expect(throws: expected) {
                try await client.stream("/v1/completions", body: ["prompt": "a", "stream": true]) { _ in }
            }
            await #expect(throws: expected) {
                _ = try await client.post("/v1/completions", body: ["prompt": "a"])
            }
        }
    }

    /// As a killed daemon leaves it: in the middle of a chunk, between two, before the head's end, or without a word.
    @Test(arguments: ["\r\n5\r\nhel", "\r\n5\r\nhello\r\n", "", nil])
    func anAnswerThatBreaksOffIsCutShort(rest: String?) async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/s"
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
            let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            OneAnswer(text: rest.map { head + $0 } ?? ""))
                    }
                }
                .bind(unixDomainSocketPath: path).get()
            let client = SocketClient(path: path)
            await #expect(throws: ClientError.cutShort(path: path)) {
                try await client.stream("/v1/completions", body: ["prompt": "a", "stream": true]) { _ in }
            }
            try await server.close()
        }
    }

    /// The daemon hung, took the connection in its last moment, and another one answers.
    @Test func aQuestionWithoutAWordOfAnswerIsAskedOnceMore() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/s"
            let taken = Mutex(0)
            let body = "{\"status\":\"ok\"}"
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
            let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let isFirst = taken.withLock { count in
                            count += 1
                            return count == 1
                        }
                        try channel.pipeline.syncOperations.addHandler(
                            OneAnswer(text: isFirst ? "" : answer))
                    }
                }
                .bind(unixDomainSocketPath: path).get()
            let found = try await SocketClient(path: path).get("/health", timeout: .seconds(50))
            #expect(found["status"] == "ok")
            #expect(taken.withLock { $0 } == 2)
            try await server.close()
        }
    }

    @Test func anAnswerThatTheDaemonEndsEarlyIsNoAnswer() async throws {
        let generator = ScriptedGenerator()
        try await TestDaemon.running(generator) { daemon in
            let printer = AnswerPrinter(
                client: SocketClient(path: daemon.socket), printsJSON: false, printsTimings: false)
            let asking = Task {
                try await InterruptWatch.watching { watch in
                    try await printer.answer(
                        "/v1/completions", ["prompt": "a", "stream": true], watch: watch)
                }
            }
            let run = await generator.runs.next()
            run?.start()
            run?.say("half of an ans")
            run?.finish(.cancelled, tokens: 2)
            await #expect(throws: ClientError.stopped(path: daemon.socket)) { _ = try await asking.value }
        }
    }

    @Test func cancellingTheClientDropsTheGeneration() async throws {
        let generator = ScriptedGenerator()
        try await TestDaemon.running(generator) { daemon in
            let client = SocketClient(path: daemon.socket)
            let reading = Task {
                try await client.stream("/v1/completions", body: ["prompt": "a", "stream": true]) { _ in }
            }
            _ = await generator.runs.next()
            reading.cancel()
            await #expect(throws: CancellationError.self) { try await reading.value }
            #expect(await generator.dropped.next() != nil)
        }
    }
}

/// Answers whatever comes first with a text, and hangs up.
private final class OneAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let text: String

    init(text: String) { self.text = text }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        context.close(promise: nil)
    }
}
