internal import Machine
internal import WireAPI

/// What `chessctl top` knows at one moment: the daemon's health, what changed since the one before, and the board.
struct TopReport: Sendable {
    let health: JSONValue
    let board: BoardFacts
    private let previous: JSONValue?

    /// - Parameter previous: the health an interval before, which rates need; that of a daemon which was started
    ///   anew since then is not used.
    init(_ health: JSONValue, after previous: JSONValue? = nil, board: BoardFacts) {
        self.health = health
        self.board = board
        let (before, now) = (previous?.number("uptime_seconds"), health.number("uptime_seconds"))
        self.previous = if let before, let now, before < now { previous } else { nil }
    }

    /// Seconds that rates are about, by the daemon's clock.
    var interval: Double? { gained("uptime_seconds") }

    /// All tokens of answers over all of the interval, idle or not.
    var tokensPerSecond: Double? { rate("served", "generated_tokens") }
    /// Tokens over the time that was spent on them; `nil` when there was none.
    var decodeTokensPerSecond: Double? {
        share(gained("decoding", "steps"), of: gained("decoding", "seconds"))
    }

    /// Bytes of weights that a token used; `nil` when there was no token.
    var weightBytesPerToken: Double? {
        share(gained("decoding", "weight_bytes"), of: gained("decoding", "steps"))
    }
    /// Of those that it would use without sparsity.
    var activeShare: Double? {
        share(gained("decoding", "weight_bytes"), of: gained("decoding", "all_weight_bytes"))
    }

    /// Weights that were wanted and in memory, of all wanted; `nil` when none were, or when all are in memory.
    var hitRate: Double? { share(gained("memory", "missed"), of: gained("memory", "wanted")).map { 1 - $0 } }
    var storageBytesPerSecond: Double? { rate("memory", "storage_bytes_read") }
    var storageReadsPerSecond: Double? { rate("memory", "storage_reads") }

    var residentBytes: Int? { health.count("resident_bytes") ?? health.count("memory", "resident_bytes") }
    var budgetBytes: Int? { health.count("memory", "budget_bytes") }
    /// What part of its room for weights the daemon uses: 1 unless memory is short.
    var cacheShare: Double? { health.number("memory", "cache_share") }

    private func rate(_ path: String...) -> Double? { share(gained(path), of: interval) }

    private func gained(_ path: String...) -> Double? { gained(path) }

    private func gained(_ path: [String]) -> Double? {
        guard let before = previous?.number(path), let now = health.number(path), before <= now else {
            return nil
        }
        return now - before
    }

    private func share(_ part: Double?, of whole: Double?) -> Double? {
        guard let part, let whole, whole > 0 else { return nil }
        return part / whole
    }
}

// For scripts.
extension TopReport {
    /// One object; what is not known is left out.
    var json: JSONValue {
        var object: JSONObject = [:]
        for key in ["status", "activity", "fault", "uptime_seconds"] { object[key] = health[key] }
        object["model"] = health["model"]?["id"]
        object["interval_seconds"] = number(interval, 3)
        object["tokens_per_second"] = number(tokensPerSecond, 2)
        object["decode_tokens_per_second"] = number(decodeTokensPerSecond, 2)
        object["weight_bytes_per_token"] = number(weightBytesPerToken, 0)
        object["active_share"] = number(activeShare, 4)
        object["hit_rate"] = number(hitRate, 4)
        object["storage_bytes_per_second"] = number(storageBytesPerSecond, 0)
        object["storage_reads_per_second"] = number(storageReadsPerSecond, 1)
        object["resident_bytes"] = residentBytes.map { .int($0) }
        object["budget_bytes"] = budgetBytes.map { .int($0) }
        object["cache_share"] = number(cacheShare, 4)
        for key in ["queue", "served", "last_speed"] { object[key] = health[key] }
        object["temperature_celsius"] = number(board.celsius, 1)
        if let clock = board.clock {
            object["clock_kilohertz"] = [
                "now": .int(clock.kilohertz), "limit": .int(clock.limit), "highest": .int(clock.highest),
            ]
        }
        if let throttling = board.throttling {
            object["throttling"] = [
                "now": .array(throttling.now.map { .string($0) }),
                "since_start": .array(throttling.sinceStart.map { .string($0) }),
            ]
        }
        return .object(object)
    }

    /// `value` with so many digits after the point, as a number.
    private func number(_ value: Double?, _ digits: Int) -> JSONValue? {
        guard let value else { return nil }
        guard digits > 0 else { return Int(exactly: value.rounded()).map { .int($0) } }
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        return .double((value * scale).rounded() / scale)
    }
}

extension JSONValue {
    fileprivate func number(_ path: String...) -> Double? { number(path) }

    /// The finite number at the end of `path`.
    fileprivate func number(_ path: [String]) -> Double? {
        let value = path.reduce(Optional(self)) { $0?[$1] }?.doubleValue
        return value.flatMap { $0.isFinite ? $0 : nil }
    }

    /// The integer at the end of `path`; `nil` without one.
    func count(_ path: String...) -> Int? { path.reduce(Optional(self)) { $0?[$1] }?.intValue }
}
