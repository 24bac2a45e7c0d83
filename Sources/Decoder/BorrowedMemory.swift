internal import Synchronization
internal import WeightStore

/// Memory that slots for weights have until something else needs it: that of keys and values that nobody has written, and
/// what passes of several batches take.
///
/// A conversation that grows takes it from the slots before it writes there, some positions at a time; a shorter one
/// that follows gives it back.
final class BorrowedMemory: Sendable {
    /// Positions whose memory is not lent, at least.
    private static let leastOwn = 256
    /// Positions whose memory changes hands together.
    private static let step = 256

    private let cache: KeyValueCache
    /// Positions whose memory is not lent.
    private let own: Int
    private let taken: Mutex<Taken>

    /// What slots do without.
    private struct Taken {
        /// Positions that may be filled.
        var positions: Int
        /// Bytes of a pass.
        var pass: Int
    }

    /// - Parameter lent: one of `lendable`, or 0 to lend nothing of the cache.
    init(_ cache: KeyValueCache, lent: Int) {
        self.cache = cache
        own = Self.owns(cache).first { Self.bytes(cache, from: $0) <= lent } ?? cache.context
        taken = Mutex(Taken(positions: own, pass: 0))
        // A large page would hold positions that are lent.
        cache.giveBack(from: 0)
    }

    /// How many bytes slots may take, the most first.
    static func lendable(_ cache: KeyValueCache) -> [Int] { owns(cache).map { bytes(cache, from: $0) } }

    private static func owns(_ cache: KeyValueCache) -> [Int] {
        Array(stride(from: leastOwn, to: cache.context, by: max(cache.context / 16 / step, 1) * step))
    }

    private static func bytes(_ cache: KeyValueCache, from positions: Int) -> Int {
        cache.byteCount - cache.byteCount(of: positions)
    }

    /// Makes positions up to `end` usable, and room for `pass` bytes; positions from `end` on need not be kept. Between two
    /// steps.
    func makeRoom(upTo end: Int, pass: Int, _ weights: RecordCache) {
        let wanted = min(max((end + Self.step - 1) / Self.step * Self.step, own), cache.context)
        taken.withLock { taken in
            let isWorthIt = wanted > taken.positions || wanted + 2 * Self.step <= taken.positions
            guard isWorthIt || pass != taken.pass else { return }
            if isWorthIt {
                if wanted < taken.positions { cache.giveBack(from: wanted) }
                taken.positions = wanted
            }
            taken.pass = pass
            weights.release(cache.byteCount(of: taken.positions) - cache.byteCount(of: own) + pass)
        }
    }
}
