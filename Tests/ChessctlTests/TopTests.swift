import ArgumentParser
import Machine
import Testing
import WireAPI

@testable import chessctl

/// `chessctl top`: from two answers of the daemon to what is shown.
@Suite struct TopTests {
    /// A daemon's health after `seconds`; every other number is what a reader finds below.
    private func health(
        seconds: Double, tokens: Int = 0, steps: Int = 0, decoding: Double = 0, used: Int = 0, all: Int = 0,
        memory: JSONValue? = nil, fault: String? = nil
    ) -> JSONValue {
        var health: JSONObject = [
            "status": "ok", "activity": "decode", "model": ["id": "tiny"],
            "queue": ["waiting": 1, "capacity": 8],
            "served": ["requests": 2, "prompt_tokens": 30, "generated_tokens": .int(tokens)],
            "last_speed": ["prefill_tokens_per_second": 100.0, "decode_tokens_per_second": 20.25],
            "decoding": [
                "steps": .int(steps), "seconds": .double(decoding), "weight_bytes": .int(used),
                "all_weight_bytes": .int(all),
            ],
            "uptime_seconds": .double(seconds), "resident_bytes": 600_000_000,
        ]
        health["memory"] = memory
        if let fault { health["fault"] = .string(fault) }
        return .object(health)
    }

    private func memory(wanted: Int, missed: Int, bytes: Int, reads: Int) -> JSONValue {
        [
            "budget_bytes": 800_000_000, "resident_bytes": 600_000_000, "wanted": .int(wanted),
            "missed": .int(missed), "storage_bytes_read": .int(bytes), "storage_reads": .int(reads),
        ]
    }

    /// Two seconds, of which one was spent on 8 steps that used 60 of 100 MB each.
    private var busy: TopReport {
        TopReport(
            health(
                seconds: 3725, tokens: 110, steps: 108, decoding: 11, used: 1_480_000_000,
                all: 1_800_000_000, memory: memory(wanted: 1400, missed: 300, bytes: 90_000_000, reads: 700)),
            after: health(
                seconds: 3723, tokens: 100, steps: 100, decoding: 10, used: 1_000_000_000,
                all: 1_000_000_000, memory: memory(wanted: 1000, missed: 200, bytes: 50_000_000, reads: 500)),
            board: BoardFacts(
                celsius: 81.25, clock: .init(kilohertz: 1_500_000, limit: 1_800_000, highest: 2_400_000),
                throttling: .init(bits: 0x50004)))
    }

    @Test func ratesAreDifferencesOverTheDaemonsClock() {
        #expect(busy.interval == 2)
        #expect(busy.tokensPerSecond == 5)
        #expect(busy.decodeTokensPerSecond == 8)
        #expect(busy.weightBytesPerToken == 60_000_000)
        #expect(busy.activeShare == 0.6)
        #expect(busy.hitRate == 0.75)
        #expect(busy.storageBytesPerSecond == 20_000_000)
        #expect(busy.storageReadsPerSecond == 100)
    }

    @Test func screenHasAFactALine() {
        #expect(
            TopText(report: busy).screen == [
                "model       tiny, decode, up 1:02:05",
                "tokens      8.0 tokens/s while decoding, 5.0 over all",
                "active      60.0 % of the weights, 60.0 MB a token",
                "cache       75.0 % of the wanted weights were in memory",
                "storage     20.0 MB/s, 100 reads/s",
                "memory      600.0 of 800.0 MB (75.0 %)",
                "board       81.3 C, 1500 of 2400 MHz, capped at 1800",
                "throttled   now: throttled; since the board was started: under-voltage, throttled",
                "queue       1 of 8 waiting",
                "served      2 requests, 30 prompt tokens, 110 generated",
                "last speed  prompt 100.0, answer 20.3 tokens/s",
            ])
    }

    @Test func lineHoldsWhatChanges() {
        #expect(
            TopText(report: busy).line
                == "up 1:02:05  decode  8.0 tokens/s  active 60.0 %  hits 75.0 %  storage 20.0 MB/s, 100 reads/s  "
                + "memory 600.0 of 800.0 MB (75.0 %)  queue 1 of 8  81.3 C, 1500 of 2400 MHz, capped at 1800  "
                + "throttled: throttled")
    }

    @Test func objectHasNumbersForScripts() {
        #expect(
            busy.json.text == """
                {"status":"ok","activity":"decode","uptime_seconds":3725.0,"model":"tiny",\
                "interval_seconds":2.0,"tokens_per_second":5.0,"decode_tokens_per_second":8.0,\
                "weight_bytes_per_token":60000000,"active_share":0.6,"hit_rate":0.75,\
                "storage_bytes_per_second":20000000,"storage_reads_per_second":100.0,\
                "resident_bytes":600000000,"budget_bytes":800000000,"queue":{"waiting":1,"capacity":8},\
                "served":{"requests":2,"prompt_tokens":30,"generated_tokens":110},\
                "last_speed":{"prefill_tokens_per_second":100.0,"decode_tokens_per_second":20.25},\
                "temperature_celsius":81.3,\
                "clock_kilohertz":{"now":1500000,"limit":1800000,"highest":2400000},\
                "throttling":{"now":["throttled"],"since_start":["under-voltage","throttled"]}}
                """)
    }

    /// What the pressure of others has done is said wherever the memory is.
    @Test func shrunkCacheIsShown() {
        var own: JSONObject = [
            "budget_bytes": 800_000_000, "resident_bytes": 500_000_000, "wanted": 10, "missed": 5,
            "storage_bytes_read": 0, "storage_reads": 0,
        ]
        own["cache_share"] = 0.5625
        let report = TopReport(health(seconds: 5, memory: .object(own)), board: BoardFacts())
        let words = "shrunk to 56.3 % since memory is short"
        #expect(TopText(report: report).screen.contains { $0.hasPrefix("cache ") && $0.hasSuffix(words) })
        #expect(TopText(report: report).line.contains("  cache \(words)  memory 600.0 of 800.0 MB"))
        #expect(report.json["cache_share"] == 0.5625)
        let table = StatusCommand.table(report.health, socket: "/s")
        #expect(table.contains("memory      600.0 of 800.0 MB, cache \(words)\n"))
        own["cache_share"] = 1.0
        let whole = StatusCommand.table(health(seconds: 5, memory: .object(own)), socket: "/s")
        #expect(whole.contains("memory      600.0 of 800.0 MB\n"))
        #expect(!StatusCommand.table(health(seconds: 5), socket: "/s").contains("memory"))
    }

    /// No budget, no sensors, nothing decoded: what is not known is a dash, or not there.
    @Test func whatIsNotKnownIsNotInvented() {
        let idle = TopReport(
            health(seconds: 90_061, tokens: 7), after: health(seconds: 90_060, tokens: 7), board: BoardFacts()
        )
        #expect(
            TopText(report: idle).line
                == "up 1 d 1:01:01  decode  - tokens/s  active - %  memory 600.0 MB  queue 1 of 8")
        for key in [
            "decode_tokens_per_second", "hit_rate", "budget_bytes", "temperature_celsius", "throttling",
        ] {
            #expect(idle.json[key] == nil, "\(key)")
        }
        #expect(idle.json["tokens_per_second"] == 0.0)
    }

    @Test func daemonStartedAnewHasNoRates() {
        let report = TopReport(
            health(seconds: 1, tokens: 3), after: health(seconds: 60, tokens: 2), board: BoardFacts())
        #expect(report.interval == nil)
        #expect(report.tokensPerSecond == nil)
    }

    @Test func answerWithoutNumbersIsShownWithDashes() {
        let report = TopReport(["activity": "idle"], after: ["activity": "idle"], board: BoardFacts())
        #expect(
            TopText(report: report).line == "up -  idle  - tokens/s  active - %  memory - MB  queue 0 of 0")
    }

    @Test func faultIsTold() {
        let report = TopReport(health(seconds: 1, fault: "m.chess: gone"), board: BoardFacts())
        #expect(TopText(report: report).screen.last == "fault       m.chess: gone")
        #expect(TopText(report: report).line.hasSuffix("  fault: m.chess: gone"))
    }

    @Test func linesAreDrawnOverTheLastOnes() {
        var redraw = Redraw()
        let size = TerminalSize(columns: 6, rows: 4)
        #expect(redraw.text(["abcdefg", "b"], in: size) == "\rabcde\u{1B}[K\nb\u{1B}[K\n\u{1B}[J")
        // Three of four lines, since the cursor takes one.
        let many = redraw.text(["1", "2", "3", "4"], in: size)
        #expect(many == "\r\u{1B}[2A1\u{1B}[K\n2\u{1B}[K\n3\u{1B}[K\n\u{1B}[J")
        #expect(redraw.text(["x"], in: size) == "\r\u{1B}[3Ax\u{1B}[K\n\u{1B}[J")
        // Of another width: below, as nobody knows where the old lines are.
        #expect(redraw.text(["x"], in: TerminalSize(columns: 9, rows: 4)) == "\rx\u{1B}[K\n\u{1B}[J")
    }

    @Test func wordsOfTheDaemonDoNotCommandTheTerminal() {
        #expect(Redraw.printable("a\u{1B}[2Jb\r\n\u{9B}é") == "a?[2Jb???é")
    }

    @Test(arguments: ["0", "-1", "3601", "nan", "often"])
    func uselessIntervalsAreUsageErrors(seconds: String) {
        #expect(throws: (any Error).self) { try TopCommand.parse(["--interval=\(seconds)"]) }
    }

    @Test func missingDaemonIsAnExitCode() async throws {
        let command = try TopCommand.parse(["--socket", "/nowhere/s", "--once"])
        await #expect(throws: ExitCode(69)) { try await command.run() }
    }
}
