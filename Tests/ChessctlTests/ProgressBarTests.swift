import Testing

@testable import chessctl

@Suite struct ProgressBarTests {
    private let second: UInt64 = 1_000_000_000

    /// Whether a line is due at each of `times`, in milliseconds behind a start long after that of the clock.
    private func due(isTerminal: Bool, _ times: [(UInt64, isLast: Bool)]) -> [Bool] {
        var pace = ProgressBar.Pace(isTerminal: isTerminal, start: 1000 * second)
        return times.map { pace.isDue(1000 * second + $0 * 1_000_000, isLast: $1) }
    }

    @Test func terminalsAreRedrawnTenTimesASecond() {
        let times: [(UInt64, isLast: Bool)] = [
            (0, false), (99, false), (99, true), (198, false), (199, false),
        ]
        #expect(due(isTerminal: true, times) == [true, false, true, false, true])
    }

    @Test func logsGetALineAMinute() {
        let times: [(UInt64, isLast: Bool)] = [
            (0, false), (59_999, true), (60_000, false), (119_000, false), (125_000, false),
        ]
        #expect(due(isTerminal: false, times) == [false, false, true, false, true])
    }

    @Test func lineNamesShareRateAndTimeLeft() {
        #expect(
            ProgressBar.line(bytesDone: 446_900_000, bytesTotal: 1_117_300_000, seconds: 3)
                == "[#######-------------]  39 %  446.9 of 1117.3 MB  149.0 MB/s  5 s left")
    }
}
