internal import Machine
internal import Synchronization
internal import SystemPackage

internal import func Glibc.isatty

/// A line on standard error that shows how far a long run has come: redrawn on a terminal, elsewhere, as in a log, a new
/// one every minute.
final class ProgressBar: Sendable {
    private let isTerminal = isatty(2) == 1
    private let start = ProcessFacts.monotonicNanoseconds
    private let pace: Mutex<Pace>
    private let stepStart = Mutex<(step: String, time: UInt64)>(("", 0))

    init() { pace = Mutex(Pace(isTerminal: isTerminal, start: start)) }

    /// Shows the new state when it is time to.
    func update(bytesDone: Int, bytesTotal: Int) {
        show(isLast: bytesDone == bytesTotal) { now in
            Self.line(bytesDone: bytesDone, bytesTotal: bytesTotal, seconds: Double(now - start) / 1e9)
        }
    }

    /// Shows how much of a step is done when it is time to.
    func update(step: String, done: Int, total: Int) {
        let begun = stepStart.withLock { start in
            if start.step != step { start = (step, ProcessFacts.monotonicNanoseconds) }
            return start.time
        }
        show(isLast: done == total) { now in
            let seconds = Double(now - begun) / 1e9
            let left =
                done > 0 ? String(Int((seconds / Double(done) * Double(total - done)).rounded(.up))) : "?"
            return Self.bar(done: done, total: total) + "  \(step)  \(left) s left"
        }
    }

    private func show(isLast: Bool, _ line: (UInt64) -> String) {
        let now = ProcessFacts.monotonicNanoseconds
        guard pace.withLock({ $0.isDue(now, isLast: isLast) }) else { return }
        write(isTerminal ? "\r\u{1B}[K" + line(now) : line(now) + "\n")
    }

    /// When a line is due, in nanoseconds: ten times a second on a terminal, and the last one always; elsewhere every
    /// minute, so that short runs say nothing.
    struct Pace {
        private let isTerminal: Bool
        private var last: UInt64

        init(isTerminal: Bool, start: UInt64) {
            self.isTerminal = isTerminal
            last = isTerminal ? 0 : start
        }

        mutating func isDue(_ now: UInt64, isLast: Bool) -> Bool {
            guard now - last >= (isTerminal ? 100_000_000 : 60_000_000_000) || (isLast && isTerminal) else {
                return false
            }
            last = now
            return true
        }
    }

    /// Takes the line of a terminal away.
    func clear() {
        guard isTerminal else { return }
        write("\r\u{1B}[K")
    }

    /// `[########------------]  40 %  446.9 of 1117.3 MB  151.2 MB/s  4 s left`
    static func line(bytesDone: Int, bytesTotal: Int, seconds: Double) -> String {
        let rate = seconds > 0 ? Double(bytesDone) / seconds : 0
        let left = rate > 0 ? String(Int((Double(bytesTotal - bytesDone) / rate).rounded(.up))) : "?"
        return bar(done: bytesDone, total: bytesTotal)
            + "  \(Readable.megabytes(bytesDone)) of \(Readable.megabytes(bytesTotal)) MB  "
            + "\(Readable.fixed(rate / 1e6, 1)) MB/s  \(left) s left"
    }

    /// `[########------------]  40 %`
    private static func bar(done: Int, total: Int) -> String {
        let share = total > 0 ? min(Double(done) / Double(total), 1) : 1
        let filled = Int(share * 20)
        let percent = String(Int(share * 100))
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: 20 - filled) + "] "
            + String(repeating: " ", count: 3 - percent.count) + percent + " %"
    }

    /// Nobody is left to tell when standard error does not work.
    private func write(_ text: String) { _ = try? FileDescriptor.standardError.writeAll(text.utf8) }
}
