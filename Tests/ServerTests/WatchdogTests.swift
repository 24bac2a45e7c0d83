import Generation
import Logging
import Synchronization
import Testing

@testable import Server

@Suite struct WatchdogTests {
    /// The manager hears of each look after which the engine has moved, and of no other.
    @Test func onlyProgressIsPassedOn() async {
        let generator = ScriptedGenerator()
        let (heard, source) = AsyncStream<String>.makeStream()
        let lines = RecordedLines()
        var watchdog = Watchdog(
            switchboard: Switchboard(Serving(generator: generator, limits: ServerLimits())),
            notifier: RecordingNotifier(source: source),
            logger: Logger(label: "test") { _ in RecordingLogHandler(lines: lines) }, period: .seconds(8))
        #expect(watchdog.pause == .seconds(2))
        watchdog.look()
        generator.steps.add(1, ordering: .relaxed)
        watchdog.look()
        for _ in 0..<3 { watchdog.look() }
        #expect(lines.all.count == 1)
        #expect(lines.all.last?.hasPrefix("the engine hangs") == true)
        generator.steps.add(1, ordering: .relaxed)
        watchdog.look()
        #expect(lines.all.last == "the engine moves again")
        source.finish()
        #expect(await heard.reduce(into: []) { $0.append($1) } == ["alive", "alive"])
    }

    /// Of two threads both must move; one that is gone need not.
    @Test func everyThreadMustMove() {
        let (a, b) = (ScriptedGenerator(), ScriptedGenerator())
        let (one, other) = (ObjectIdentifier(a), ObjectIdentifier(b))
        let before = EnginePulse([one: 1, other: 1])
        #expect(EnginePulse([one: 2, other: 2]).hasMoved(since: before))
        #expect(!EnginePulse([one: 2, other: 1]).hasMoved(since: before))
        #expect(EnginePulse([other: 2]).hasMoved(since: before))
        #expect(!EnginePulse([other: 1]).hasMoved(since: before))
    }
}
