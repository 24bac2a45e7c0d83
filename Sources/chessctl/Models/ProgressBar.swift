internal import Machine
internal import Synchronization
internal import SystemPackage

internal import func Glibc.isatty

/// A line on standard error that shows how far a long run has come; silent unless that is a terminal.
final class ProgressBar: Sendable {
    private let isShown = isatty(2) == 1
    private let start = ProcessFacts.monotonicNanoseconds
    private let lastShown = Mutex<UInt64>(0)
    private let stepStart = Mutex<(step: String, time: UInt64)>(("", 0))

    /// Shows the new state, at most ten times a second.
    func update(bytesDone: Int, bytesTotal: Int) {
        guard isShown else { return }
        let now = ProcessFacts.monotonicNanoseconds
        guard isDue(now, isLast: bytesDone == bytesTotal) else { return }
        let line = Self.line(
            bytesDone: bytesDone, bytesTotal: bytesTotal, seconds: Double(now - start) / 1e9)
        write("\r\u{1B}[K" + line)
    }

    /// Shows how much of a step is done, at most ten times a second.
    func update(step: String, done: Int, total: Int) {
        guard isShown else { return }
        let now = ProcessFacts.monotonicNanoseconds
        let begun = stepStart.withLock { start in
            if start.step != step { start = (step, now) }
            return start.time
        }
        guard isDue(now, isLast: done == total) else { return }
        let seconds = Double(now - begun) / 1e9
        let left = done > 0 ? String(Int((seconds / Double(done) * Double(total - done)).rounded(.up))) : "?"
        write("\r\u{1B}[K" + Self.bar(done: done, total: total) + "  \(step)  \(left) s left")
    }

    private func isDue(_ now: UInt64, isLast: Bool) -> Bool {
        lastShown.withLock { last in
            guard now - last >= 100_000_000 || isLast else { return false }
            last = now
            return true
        }
    }

    /// Takes the line away.
    func clear() {
        guard isShown else { return }
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
