internal import Machine
internal import WireAPI

/// A report as people read it. A dash stands for what the interval does not tell: nothing was decoded in it.
struct TopText {
    let report: TopReport
    private var health: JSONValue { report.health }

    /// One fact a line, for a terminal.
    var screen: [String] {
        var rows = [("model", "\(model), \(activity), up \(uptime)"), ("tokens", tokens), ("active", active)]
        if report.budgetBytes != nil { rows += [("cache", cache), ("storage", storage)] }
        rows.append(("memory", memory))
        if let board { rows.append(("board", board)) }
        if let throttled { rows.append(("throttled", throttled)) }
        rows += [("queue", "\(queue) waiting"), ("served", served), ("last speed", lastSpeed)]
        if let fault = health["fault"]?.stringValue { rows.append(("fault", fault)) }
        return rows.map { name, value in name + String(repeating: " ", count: 12 - name.count) + value }
    }

    /// Everything that changes on one line, for a file or a pipe.
    var line: String {
        var parts = [
            "up \(uptime)", activity, "\(fixed(report.decodeTokensPerSecond, 1)) tokens/s",
            "active \(percent(report.activeShare))",
        ]
        if report.budgetBytes != nil {
            parts += ["hits \(percent(report.hitRate))", "storage \(storage)"]
        }
        if let shrunk { parts.append("cache \(shrunk)") }
        parts += ["memory \(memory)", "queue \(queue)"]
        if let board { parts.append(board) }
        if let now = report.board.throttling?.now, !now.isEmpty {
            parts.append("throttled: \(now.joined(separator: ", "))")
        }
        if let fault = health["fault"]?.stringValue { parts.append("fault: \(fault)") }
        return parts.joined(separator: "  ")
    }

    private var model: String { health["model"]?["id"]?.stringValue ?? "?" }
    private var activity: String { health["activity"]?.stringValue ?? "?" }

    /// `1:02:03`, with days in front where there are any.
    private var uptime: String {
        guard let seconds = health["uptime_seconds"]?.doubleValue, seconds >= 0, seconds < 1e12 else {
            return "-"
        }
        let whole = Int(seconds)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let clock = "\(whole / 3600 % 24):\(two(whole / 60 % 60)):\(two(whole % 60))"
        return whole >= 86400 ? "\(whole / 86400) d \(clock)" : clock
    }

    private var tokens: String {
        "\(fixed(report.decodeTokensPerSecond, 1)) tokens/s while decoding, "
            + "\(fixed(report.tokensPerSecond, 1)) over all"
    }

    private var lastSpeed: String {
        func rate(_ key: String) -> String {
            fixed(health["last_speed"]?["\(key)_tokens_per_second"]?.doubleValue, 1)
        }
        return "prompt \(rate("prefill")), answer \(rate("decode")) tokens/s"
    }

    private var active: String {
        "\(percent(report.activeShare)) of the weights, \(fixed(report.weightBytesPerToken.map { $0 / 1e6 }, 1)) MB a token"
    }

    private var cache: String {
        let shrunk = shrunk.map { ", \($0)" } ?? ""
        return "\(percent(report.hitRate)) of the wanted weights were in memory\(shrunk)"
    }

    /// `nil` when nothing has made the cache smaller.
    private var shrunk: String? { Self.shrunk(report.cacheShare) }

    static func shrunk(_ share: Double?) -> String? {
        guard let share, share < 1 else { return nil }
        return "shrunk to \(AnswerPrinter.fixed(share * 100, 1)) % since memory is short"
    }

    private var storage: String {
        "\(fixed(report.storageBytesPerSecond.map { $0 / 1e6 }, 1)) MB/s, "
            + "\(fixed(report.storageReadsPerSecond, 0)) reads/s"
    }

    private var memory: String {
        let resident = fixed(report.residentBytes.map { Double($0) / 1e6 }, 1)
        guard let budget = report.budgetBytes else { return "\(resident) MB" }
        let share = report.residentBytes.flatMap { budget > 0 ? Double($0) / Double(budget) : nil }
        return "\(resident) of \(fixed(Double(budget) / 1e6, 1)) MB (\(percent(share)))"
    }

    /// Heat and clock; `nil` on a board that tells neither.
    private var board: String? {
        var parts: [String] = []
        if let celsius = report.board.celsius { parts.append("\(fixed(celsius, 1)) C") }
        if let clock = report.board.clock {
            let capped = clock.limit < clock.highest ? ", capped at \(clock.limit / 1000)" : ""
            parts.append("\(clock.kilohertz / 1000) of \(clock.highest / 1000) MHz\(capped)")
        }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    private var throttled: String? {
        guard let throttling = report.board.throttling else { return nil }
        func list(_ reasons: [String]) -> String { reasons.isEmpty ? "no" : reasons.joined(separator: ", ") }
        return "now: \(list(throttling.now)); since the board was started: \(list(throttling.sinceStart))"
    }

    private var queue: String {
        "\(health.count("queue", "waiting") ?? 0) of \(health.count("queue", "capacity") ?? 0)"
    }

    private var served: String {
        func count(_ key: String) -> Int { health.count("served", key) ?? 0 }
        return "\(count("requests")) requests, \(count("prompt_tokens")) prompt tokens, "
            + "\(count("generated_tokens")) generated"
    }

    private func percent(_ share: Double?) -> String { fixed(share.map { $0 * 100 }, 1) + " %" }

    private func fixed(_ value: Double?, _ decimals: Int) -> String {
        value.map { AnswerPrinter.fixed($0, decimals) } ?? "-"
    }
}
