/// How long processes have stood still for want of memory: the kernel's pressure stall information.
package struct MemoryPressure: Sendable {
    /// What the kernel said at one moment.
    package struct Reading: Sendable, Equatable {
        /// Time in which some process waited for memory, since the machine or the group was made.
        package var stalledMicroseconds: UInt64
        /// Of the monotonic clock.
        package var nanoseconds: UInt64

        package init(stalledMicroseconds: UInt64, nanoseconds: UInt64) {
            self.stalledMicroseconds = stalledMicroseconds
            self.nanoseconds = nanoseconds
        }
    }

    private let path: String

    /// This process's control group where it has one of version 2, else the whole machine; `nil` where the kernel
    /// keeps no such account.
    package init?() {
        let own = ControlGroup.unifiedFolders.map { "\($0)/memory.pressure" }
        guard let path = (own + ["/proc/pressure/memory"]).first(where: { Self.total(in: $0) != nil })
        else { return nil }
        self.path = path
    }

    /// As things are now; `nil` when the file is gone.
    package var reading: Reading? {
        Self.total(in: path).map {
            Reading(stalledMicroseconds: $0, nanoseconds: ProcessFacts.monotonicNanoseconds)
        }
    }

    private static func total(in path: String) -> UInt64? {
        ProcessFacts.lines(of: path).compactMap(total(ofLine:)).first
    }

    /// The total of a line such as `some avg10=0.00 avg60=0.00 avg300=0.00 total=47377968`.
    static func total(ofLine line: String) -> UInt64? {
        let words = line.split(separator: " ")
        guard words.first == "some", let last = words.last, last.hasPrefix("total=") else { return nil }
        return UInt64(last.dropFirst(6))
    }
}
