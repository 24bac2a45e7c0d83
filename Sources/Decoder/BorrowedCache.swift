internal import Synchronization
internal import WeightStore

/// Which part of a KV cache may be filled, where slots for weights have the memory of the rest.
///
/// A conversation that grows takes it from the slots before it writes there, some positions at a time; a shorter one
/// that follows gives it back.
final class BorrowedCache: Sendable {
    /// Positions whose memory is not lent, at least.
    private static let leastOwn = 256
    /// Positions whose memory changes hands together.
    private static let step = 256

    private let cache: KeyValueCache
    /// Positions whose memory is not lent.
    private let own: Int
    private let usable: Mutex<Int>

    /// - Parameter lent: one of `lendable`.
    init(_ cache: KeyValueCache, lent: Int) {
        self.cache = cache
        own = Self.owns(cache).first { Self.bytes(cache, from: $0) <= lent } ?? cache.context
        usable = Mutex(own)
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

    /// Makes positions up to `end` usable; those from `end` on need not be kept. Between two steps.
    func makeRoom(upTo end: Int, _ weights: RecordCache) {
        let wanted = min(max((end + Self.step - 1) / Self.step * Self.step, own), cache.context)
        usable.withLock { usable in
            guard wanted > usable || wanted + 2 * Self.step <= usable else { return }
            if wanted < usable { cache.giveBack(from: wanted) }
            weights.release(cache.byteCount(of: wanted) - cache.byteCount(of: own))
            usable = wanted
        }
    }
}
