internal import Machine

/// Decides how much of its room the cache of weights may use, from how long processes stand still for want of memory.
///
/// Giving up is fast and taking more is slow, so that two programs that are both short of memory do not swing.
struct CacheShare {
    /// A share that is to be used from now on.
    struct Change: Equatable {
        var share: Double
        var before: Double
        /// Share of the time that was stalled, up to now: of the last interval, or of the calm one.
        var stalled: Double
        /// Seconds without pressure before it, where the share grows.
        var calmSeconds: Double
    }

    private(set) var share = 1.0
    private var last: MemoryPressure.Reading?
    /// Seconds and stalled seconds since calm began.
    private var (calm, calmStalled) = (0.0, 0.0)

    /// Above this share of stalled time memory is short; below the other it suffices.
    private static let (shortage, calmness) = (0.10, 0.01)
    private static let (shrinking, growth, least) = (0.75, 0.1, 0.25)
    private static let patience = 60.0

    /// Compares with the reading before.
    mutating func observe(_ reading: MemoryPressure.Reading) -> Change? {
        defer { last = reading }
        guard let last, reading.nanoseconds > last.nanoseconds else { return nil }
        let elapsed = Double(reading.nanoseconds - last.nanoseconds) * 1e-9
        // A group that was made anew counts from zero.
        let stalled =
            reading.stalledMicroseconds < last.stalledMicroseconds
            ? 0 : Double(reading.stalledMicroseconds - last.stalledMicroseconds) * 1e-6
        let part = stalled / elapsed
        guard part < Self.calmness else {
            (calm, calmStalled) = (0, 0)
            return part > Self.shortage ? change(to: max(share * Self.shrinking, Self.least), part, 0) : nil
        }
        calm += elapsed
        calmStalled += stalled
        guard calm >= Self.patience else { return nil }
        defer { (calm, calmStalled) = (0, 0) }
        return change(to: min(share + Self.growth, 1), calmStalled / calm, calm)
    }

    private mutating func change(to wanted: Double, _ stalled: Double, _ calmSeconds: Double) -> Change? {
        // Four digits, so that a share that has grown back is 1 and not nearly so.
        let wanted = (wanted * 10000).rounded() / 10000
        guard wanted != share else { return nil }
        defer { share = wanted }
        return Change(share: wanted, before: share, stalled: stalled, calmSeconds: calmSeconds)
    }
}
