import Generation
import Logging
import Machine
import Synchronization
import Testing
import WireAPI

@testable import Server

/// What the daemon makes of the kernel's account of stalled time.
@Suite struct PressureTests {
    /// Readings two seconds apart, of which each says how much of the time before it was stalled.
    private static func readings(_ stalled: [Double]) -> [MemoryPressure.Reading] {
        var reading = MemoryPressure.Reading(stalledMicroseconds: 7_000_000, nanoseconds: 5_000_000_000)
        return [reading]
            + stalled.map { part in
                reading.stalledMicroseconds += UInt64((part * 2_000_000).rounded())
                reading.nanoseconds += 2_000_000_000
                return reading
            }
    }

    private func shares(_ stalled: [Double]) -> [Double] {
        var share = CacheShare()
        return Self.readings(stalled).compactMap { share.observe($0)?.share }
    }

    @Test func shortageShrinksDownToAQuarter() {
        #expect(shares([0.5, 0.11, 1, 0.2, 0.3, 0.9, 0.9]) == [0.75, 0.5625, 0.4219, 0.3164, 0.25])
    }

    @Test func whatIsBetweenChangesNothing() {
        #expect(shares(Array(repeating: 0.1, count: 100)) == [])
        #expect(shares([0.5] + Array(repeating: 0.01, count: 100)) == [0.75])
    }

    /// Thirty intervals are a minute.
    @Test func calmMinutesGrowItBack() {
        #expect(shares([0.5] + Array(repeating: 0, count: 29)) == [0.75])
        #expect(shares([0.5] + Array(repeating: 0, count: 30)) == [0.75, 0.85])
        #expect(shares([0.5] + Array(repeating: 0.009, count: 200)) == [0.75, 0.85, 0.95, 1])
        // One stalled moment begins the minute anew, and so does a growth.
        let calm = Array(repeating: 0.0, count: 29)
        #expect(shares([0.5] + calm + [0.02] + calm) == [0.75])
        #expect(shares([0.5] + calm + [0, 0.5] + calm) == [0.75, 0.85, 0.6375])
    }

    @Test func changeSaysWhy() {
        var share = CacheShare()
        let found = Self.readings([0.25] + Array(repeating: 0.005, count: 30)).compactMap {
            share.observe($0)
        }
        #expect(found.count == 2)
        #expect(found.first == CacheShare.Change(share: 0.75, before: 1, stalled: 0.25, calmSeconds: 0))
        #expect(found.last?.share == 0.85 && found.last?.before == 0.75)
        #expect(found.last.map { abs($0.stalled - 0.005) < 1e-9 && abs($0.calmSeconds - 60) < 1e-9 } == true)
    }

    /// Total and clock may not go back, but a group may be another one.
    @Test func oddReadingsAreNoPressure() {
        var share = CacheShare()
        let readings: [(UInt64, UInt64)] = [(9_000_000, 10), (9_000_000, 10), (0, 2_000_000_010)]
        for (stalled, time) in readings {
            let reading = MemoryPressure.Reading(stalledMicroseconds: stalled, nanoseconds: time)
            #expect(share.observe(reading) == nil)
        }
        #expect(share.share == 1)
    }

    /// Runs until the readings end; every change reaches the engine and the log.
    @Test func watchTellsTheEngineAndTheLog() async throws {
        let generator = ScriptedGenerator(memory: MemoryStatus(budget: 100, weights: 50))
        let rest = Mutex(Self.readings([0.5, 0.5] + Array(repeating: 0, count: 30))[...])
        let lines = RecordedLines()
        try await watch(generator, lines) { rest.withLock { $0.popFirst() } }.run()
        #expect(generator.cacheShares.withLock { $0 } == [0.75, 0.5625, 0.6625])
        #expect(StatusReport(generator).health["memory"]?["cache_share"] == 0.6625)
        #expect(lines.all.count == 3)
        let (first, last) = (lines.all.first ?? "", lines.all.last ?? "")
        #expect(first.hasPrefix("memory is short, fewer weights are kept cache_percent=75.0 "))
        #expect(first.contains("previous_percent=100.0") && first.contains("stalled_percent=50.0"))
        #expect(last.hasPrefix("memory suffices, more weights are kept cache_percent=66.3 calm_seconds=60 "))
    }

    /// All weights are in memory: nothing is even asked.
    @Test func nothingIsWatchedWithoutACache() async throws {
        let generator = ScriptedGenerator()
        try await watch(generator, RecordedLines()) {
            Issue.record("asked without a cache")
            return nil
        }.run()
        #expect(generator.cacheShares.withLock { $0 } == [])
    }

    private func watch(
        _ generator: ScriptedGenerator, _ lines: RecordedLines,
        _ read: @escaping @Sendable () -> MemoryPressure.Reading?
    ) -> PressureWatch {
        PressureWatch(
            switchboard: Switchboard(Serving(generator: generator, limits: ServerLimits())),
            logger: Logger(label: "test") { _ in RecordingLogHandler(lines: lines) }, interval: .zero,
            read: read)
    }
}
