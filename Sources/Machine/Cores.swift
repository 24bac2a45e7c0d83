internal import CHost
internal import Glibc

/// The processors this process may use.
package enum Cores {
    /// Numbers of the processors the scheduler allows, ascending; at least one.
    package static var allowed: [Int32] {
        var cpus = [Int32](repeating: 0, count: 1024)
        let found = unsafe cpus.withUnsafeMutableBufferPointer { buffer in
            unsafe ch_allowed_cpus(buffer.baseAddress, buffer.count)
        }
        return found == 0 ? [0] : Array(cpus.prefix(min(found, cpus.count)))
    }

    /// As many threads as processors, fewer when the cgroup's `cpu.max` allows less; at least one.
    package static var recommendedThreads: Int {
        let cores = allowed.count
        guard let quota = cgroupQuota else { return cores }
        return max(1, min(cores, Int(quota.rounded(.up))))
    }

    /// Whole processors' worth of time per period, from cgroup v2; `nil` when unlimited or unknown.
    private static var cgroupQuota: Double? {
        guard let text = ProcessFacts.firstLine(of: "/sys/fs/cgroup/cpu.max") else { return nil }
        let words = text.split(separator: " ")
        guard words.count == 2, let quota = Double(words[0]), let period = Double(words[1]), period > 0 else {
            return nil
        }
        return quota / period
    }
}
