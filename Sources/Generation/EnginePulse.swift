/// How far the threads that must be alive have come, to be compared with a later one.
package struct EnginePulse: Sendable, Equatable {
    /// By queue: what its thread has done.
    private let counts: [ObjectIdentifier: UInt64]

    package init(_ counts: [ObjectIdentifier: UInt64]) { self.counts = counts }

    /// Whether every thread that had to be alive then, and still has to, has done something since.
    package func hasMoved(since earlier: EnginePulse) -> Bool {
        counts.allSatisfy { queue, count in earlier.counts[queue] != count }
    }
}
