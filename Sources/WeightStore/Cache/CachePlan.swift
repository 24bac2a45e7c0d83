/// Which tensors of a store are only partly in memory, and how much memory they get.
package struct CachePlan: Sendable {
    /// One partly resident tensor.
    package struct Tensor: Sendable {
        package var name: String
        package var layout: StoredTensor.Layout
        /// Units that may stay in memory; 0 for tensors of which little is needed at a time.
        package var capacity: Int
        package var choice: Choice

        package init(
            name: String, layout: StoredTensor.Layout, capacity: Int, choice: Choice = .recent
        ) {
            self.name = name
            self.layout = layout
            self.capacity = capacity
            self.choice = choice
        }
    }

    /// Which units of a tensor deserve a slot.
    package enum Choice: Sendable {
        /// By rank alone.
        case recent
        /// By rank and by place, the first units of the file before the last ones.
        case recentOrFirst
        /// The first units of the file, always: what is then missing lies together at the end.
        case first
    }

    package var tensors: [Tensor]
    /// Bytes between two wanted pieces of the file that are read along rather than left out.
    package var gap: Int
    /// Bytes per second that reads get at most; `nil` for no limit.
    package var storageRate: Double?
    /// False to read without the kernel's queue, as where there is none.
    package var isQueued = true

    package init(tensors: [Tensor], gap: Int) {
        self.tensors = tensors
        self.gap = gap
    }

    /// Bytes of a layer that are read while the layer before it computes, where its first units stay: what a
    /// layer takes to compute is enough for about as many.
    package static let aheadBytes = 6 << 20

    /// Bytes of rows that are fetched together, or of one where that is longer.
    package static let fetchedRowBytes = 4096

    /// Bytes that arrive at once of a tensor whose rows are fetched, which may be far more than a step has room for.
    package static let partBytes = 4 << 20

    /// Bytes of a slot for a unit.
    static func slotBytes(_ unitBytes: Int) -> Int { (unitBytes + 15) & ~15 }
}

/// What a cache has done.
package struct CacheCounts: Sendable, Equatable {
    /// Units that were wanted, and of those the ones that were not in memory.
    package var wanted = 0
    package var missed = 0
    /// Bytes and pieces read from storage.
    package var bytesRead = 0
    package var reads = 0
    /// The most bytes that one fetch has brought.
    package var mostArrived = 0
    /// Nanoseconds that workers waited for storage, together.
    package var waited: UInt64 = 0
    /// Nanoseconds that all workers waited because storage took no more requests.
    package var stalled: UInt64 = 0

    package init() {}

    package static func += (a: inout CacheCounts, b: CacheCounts) {
        a.wanted += b.wanted
        a.missed += b.missed
        a.bytesRead += b.bytesRead
        a.reads += b.reads
        a.mostArrived = max(a.mostArrived, b.mostArrived)
        a.waited += b.waited
        a.stalled += b.stalled
    }

    package static func - (a: CacheCounts, b: CacheCounts) -> CacheCounts {
        var difference = a
        difference.wanted -= b.wanted
        difference.missed -= b.missed
        difference.bytesRead -= b.bytesRead
        difference.reads -= b.reads
        difference.waited -= b.waited
        difference.stalled -= b.stalled
        return difference
    }
}
