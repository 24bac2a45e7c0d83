import Testing

@testable import Generation

@Suite struct StopMatcherTests {
    private func run(_ stops: [String], _ pieces: [String]) -> (emitted: [String], stopped: Bool) {
        var matcher = StopMatcher(stops)
        var emitted = pieces.map { matcher.append($0) }
        emitted.append(matcher.flush())
        return (emitted, matcher.hasStopped)
    }

    @Test func withoutStopsTextPassesAtOnce() {
        #expect(run([], ["a", "b"]).emitted == ["a", "b", ""])
        #expect(run([""], ["a", "b"]).emitted == ["a", "b", ""])
    }

    @Test func aStopAcrossPiecesIsCutOut() {
        let result = run(["END"], ["one E", "N", "D two", "three"])
        #expect(result.emitted == ["one ", "", "", "", ""])
        #expect(result.stopped)
    }

    @Test func whatOnlyLookedLikeAStopIsReleased() {
        let result = run(["END"], ["EN", "E", "N", "x"])
        #expect(result.emitted == ["", "EN", "", "ENx", ""])
        #expect(!result.stopped)
    }

    @Test func heldTextComesAtTheEnd() {
        #expect(run(["\n\n"], ["a\n"]).emitted == ["a", "\n"])
    }

    @Test func theEarliestOfSeveralStopsWins() {
        #expect(run(["d", "bc"], ["abcd"]).emitted == ["a", ""])
    }

    @Test func stopsOfSeveralBytesPerCharacterWork() {
        let result = run(["é!"], ["caf", "é", "?", "é", "!"])
        #expect(result.emitted == ["caf", "", "é?", "", "", ""])
        #expect(result.stopped)
    }
}
