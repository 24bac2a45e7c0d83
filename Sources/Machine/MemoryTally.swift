internal import Synchronization

/// Counts the memory of all `SharedBuffer`s, so that a program can know what it has promised itself.
package enum MemoryTally {
    private static let allocated = Atomic<Int>(0)

    /// Bytes of all buffers that live now, touched or not.
    package static var bytes: Int { allocated.load(ordering: .relaxed) }

    static func add(_ bytes: Int) { allocated.add(bytes, ordering: .relaxed) }
}
