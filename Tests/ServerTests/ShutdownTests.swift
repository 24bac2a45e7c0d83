import Generation
import Logging
import ServiceLifecycle
import Synchronization
import Testing
import WireAPI

@testable import Server

@Suite(.timeLimit(.minutes(1))) struct ShutdownTests {
    private let streaming = Array(#"{"prompt": "a", "stream": true}"#.utf8)

    @Test func runningStreamEndsWithItsLastChunk() async throws {
        let generator = ScriptedGenerator()
        var limits = ServerLimits()
        limits.grace = .seconds(3)
        try await TestDaemon.running(generator, limits: limits) { daemon in
            let answer = try await RawConnection.open(daemon.socket) { connection in
                try await connection.send("POST", "/v1/completions", body: streaming)
                let run = await generator.runs.next()
                run?.start()
                run?.say("first")
                #expect(try await connection.read(until: "first"))
                await daemon.group.triggerGracefulShutdown()
                #expect(await generator.shutDowns.next() == .seconds(3))
                run?.say("second")
                run?.finish(.cancelled, tokens: 2)
                return try await connection.readAll()
            }
            #expect(answer.body.contains("second"))
            #expect(answer.body.contains(#""finish_reason":"length""#))
            #expect(answer.body.contains(#""cancelled":true"#))
            #expect(answer.body.hasSuffix("data: [DONE]\n\n"))
        }
    }

    @Test func serviceManagerHearsBothEnds() async throws {
        try await TestDaemon.running(ScriptedGenerator()) { daemon in
            #expect(await daemon.notifications.next() == "ready: tiny: idle, 3 served, last at 7.0 tokens/s")
            await daemon.group.triggerGracefulShutdown()
            #expect(await daemon.notifications.next() == "stopping")
        }
    }

    /// The engine never ends the answer here; the connection is closed after the grace and the closing time.
    @Test func answerThatNeverEndsIsCutOff() async throws {
        let generator = ScriptedGenerator()
        var limits = ServerLimits()
        (limits.grace, limits.closingTime) = (.milliseconds(50), .milliseconds(50))
        try await TestDaemon.running(generator, limits: limits) { daemon in
            let answer = try await RawConnection.open(daemon.socket) { connection in
                try await connection.send("POST", "/v1/completions", body: streaming)
                await generator.runs.next()?.start()
                await daemon.group.triggerGracefulShutdown()
                return try await connection.readAll()
            }
            #expect(!answer.body.contains("[DONE]"))
            #expect(await generator.dropped.next() != nil)
        }
    }

    /// An idle kept-alive connection does not hold the daemon up.
    @Test func idleConnectionsAreClosedAtOnce() async throws {
        try await TestDaemon.running(ScriptedGenerator()) { daemon in
            try await RawConnection.open(daemon.socket) { connection in
                try await connection.send("GET", "/health", body: [])
                #expect(try await connection.read(until: "\"kernels\""))
                await daemon.group.triggerGracefulShutdown()
                _ = try await connection.readAll()
            }
        }
    }

    /// Whatever is logged, prompts and answers are not in it.
    @Test func logNeverHoldsTexts() async throws {
        let generator = ScriptedGenerator()
        let lines = RecordedLines()
        var logger = Logger(label: "test") { _ in RecordingLogHandler(lines: lines) }
        logger.logLevel = .trace
        try await TestDaemon.running(generator, logger: logger) { daemon in
            let body = Array(#"{"prompt": "secret question"}"#.utf8)
            async let answer = ask(daemon.socket, "POST", "/v1/completions", body: body)
            let run = await generator.runs.next()
            run?.start()
            run?.say("secret answer")
            run?.finish(.stop, tokens: 1)
            #expect(try await answer.body.contains("secret answer"))
            _ = try await ask(daemon.socket, "POST", "/v1/completions", body: Array(#"{"secret": 1}"#.utf8))
        }
        let text = lines.all.joined(separator: "\n")
        #expect(text.contains("answered completion_tokens=1") || text.contains("completion_tokens=1"))
        #expect(!text.contains("secret"))
    }
}

final class RecordedLines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func append(_ line: String) { lines.withLock { $0.append(line) } }
}

struct RecordingLogHandler: LogHandler {
    let lines: RecordedLines
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    init(lines: RecordedLines) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.append(LogLine.text(event.message, event.metadata, metadata)) }
}
