import Generation
import Glibc
import Logging
import Synchronization
import Testing

@testable import Server

/// What the log says of requests.
@Suite(.timeLimit(.minutes(1))) struct RequestLogTests {
    private final class Records: Sendable {
        let all = Mutex<[(level: Logger.Level, message: String, facts: [String: String])]>([])
    }

    private struct RecordsHandler: LogHandler {
        let records: Records
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        init(records: Records) { self.records = records }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let facts = metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 })
            records.all.withLock {
                $0.append((event.level, event.message.description, facts.mapValues { "\($0)" }))
            }
        }
    }

    /// Runs `body` with a daemon and gives the only record of that event.
    private func record(
        _ event: JournalEvent, logsTexts: Bool = false, _ generator: ScriptedGenerator = ScriptedGenerator(),
        _ body: (TestDaemon) async throws -> Void
    ) async throws -> (level: Logger.Level, facts: [String: String]) {
        let records = Records()
        let logger = Logger(label: "test") { _ in RecordsHandler(records: records) }
        try await TestDaemon.running(generator, logsTexts: logsTexts, logger: logger, body)
        let found = records.all.withLock { $0.filter { $0.facts["message_id"] == event.rawValue } }
        #expect(found.count == 1)
        return try (#require(found.first).level, #require(found.first).facts)
    }

    @Test(arguments: [false, true], [false, true])
    func answersHaveTheirNumbers(isStream: Bool, logsTexts: Bool) async throws {
        let generator = ScriptedGenerator()
        let (level, facts) = try await record(.answered, logsTexts: logsTexts, generator) { daemon in
            let body = Array("{\"prompt\": \"ab\", \"stream\": \(isStream)}".utf8)
            async let answer = ask(daemon.socket, "POST", "/v1/completions", body: body)
            let run = await generator.runs.next()
            run?.start()
            run?.say("one")
            run?.say(" two")
            run?.finish(.stop, tokens: 2, trailing: ".")
            let status = try await answer.status
            #expect(status == 200)
        }
        #expect(level == .info)
        let expected = [
            "model": "tiny", "path": "/v1/completions", "reason": "stop", "prompt_tokens": "3",
            "cached_tokens": "1", "completion_tokens": "2", "prefill_usec": "500000",
            "decode_usec": "2000000", "tokens_per_second": "0.5", "peer_uid": "\(getuid())",
            "peer_pid": "\(getpid())", "prompt": logsTexts ? "^ab" : nil,
            "answer": logsTexts ? "one two." : nil,
        ]
        for (key, value) in expected { #expect(facts[key] == value, "\(key)") }
        #expect(facts["request_id"]?.hasPrefix("cmpl-") == true)
        let queue = try #require(facts["queue_usec"].flatMap { Int($0) })
        let duration = try #require(facts["duration_usec"].flatMap { Int($0) })
        #expect(queue <= duration)
    }

    @Test(arguments: [
        (
            GenerationError.queueFull(capacity: 8), "503", "queue_full", JournalEvent.refused,
            Logger.Level.warning
        ),
        (.emptyPrompt, "400", "empty_prompt", .refused, .info),
        (.weights(reason: "gone"), "500", "weights", .failed, .error),
    ])
    func errorsHaveTheirCode(
        error: GenerationError, status: String, code: String, event: JournalEvent, expected: Logger.Level
    ) async throws {
        let (level, facts) = try await record(event, ScriptedGenerator(refusal: error)) { daemon in
            let body = Array(#"{"prompt": "ab"}"#.utf8)
            let answer = try await ask(daemon.socket, "POST", "/v1/completions", body: body)
            #expect("\(answer.status)" == status)
        }
        #expect(level == expected && facts["error"] == code && facts["status"] == status)
        #expect(facts["cause"] == (status == "500" ? "gone" : nil))
        #expect(facts["peer_pid"] == "\(getpid())")
    }

    @Test func clientsThatLeaveWithTheirAnswerAreNotNamed() {
        let records = Records()
        let logger = Logger(label: "test") { _ in RecordsHandler(records: records) }
        let record = RequestRecord(path: "/", model: "tiny", peer: nil, logsTexts: false, logger: logger)
        let summary = GenerationSummary(
            reason: .stop, trailingText: "", promptTokens: 1, cachedTokens: 0, completionTokens: 1,
            prefillSeconds: 1, decodeSeconds: 1)
        record.answered(summary, reason: .stop)
        record.clientLeft()
        #expect(records.all.withLock { $0.map(\.message) } == ["answered"])
    }

    @Test func clientsThatLeaveAreNamed() async throws {
        let generator = ScriptedGenerator()
        let (level, facts) = try await record(.clientLeft, generator) { daemon in
            try await RawConnection.open(daemon.socket) { connection in
                try await connection.send("POST", "/v1/completions", body: Array(#"{"prompt": "a"}"#.utf8))
                await generator.runs.next()?.start()
            }
            #expect(await generator.dropped.next() != nil)
        }
        #expect(level == .info && facts["error"] == "client_gone")
        #expect(facts["request_id"]?.hasPrefix("cmpl-") == true)
    }
}
