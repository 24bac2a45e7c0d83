/// The memory limits of the control groups that this process is in, versions 1 and 2.
enum ControlGroup {
    /// Bytes that the tightest limit leaves; `nil` without one.
    static var memoryLeft: Int? { folders.compactMap(left).min() }

    /// This process's groups for memory, from its own outwards.
    private static var folders: [String] {
        for line in ProcessFacts.lines(of: "/proc/self/cgroup") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isMemory = parts[1].split(separator: ",").contains("memory")
            if isMemory || parts[0] == "0" && parts[1].isEmpty {
                let root = isMemory ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup"
                // In version 1 the memory controller has a line of its own, which comes before the other.
                return ancestors(of: String(parts[2])).map { root + $0 }
            }
        }
        return []
    }

    /// Where this process's group of version 2 may be, the other place being that of machines with both versions.
    static var unifiedFolders: [String] {
        for line in ProcessFacts.lines(of: "/proc/self/cgroup") where line.hasPrefix("0::/") {
            let path = line.dropFirst(3)
            return ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map { path == "/" ? $0 : $0 + path }
        }
        return []
    }

    /// `/a/b`, `/a` and the empty path of `/a/b`.
    private static func ancestors(of path: String) -> [String] {
        var names = path.split(separator: "/")
        var paths = [""]
        while !names.isEmpty {
            paths.append("/" + names.joined(separator: "/"))
            names.removeLast()
        }
        return paths
    }

    private static func left(in folder: String) -> Int? {
        func number(_ file: String) -> Int? {
            ProcessFacts.firstLine(of: "\(folder)/\(file)").flatMap { Int($0) }
        }
        let limits = ["memory.max", "memory.high", "memory.limit_in_bytes"].compactMap(number)
        // Version 1 writes no limit as the largest number of pages.
        guard let limit = limits.min(), limit < 1 << 60 else { return nil }
        guard let used = number("memory.current") ?? number("memory.usage_in_bytes") else { return limit }
        // Clean pages of files are given up when memory is wanted.
        return max(0, limit - used + (statistic("inactive_file", in: folder) ?? 0))
    }

    private static func statistic(_ name: String, in folder: String) -> Int? {
        for line in ProcessFacts.lines(of: "\(folder)/memory.stat") where line.hasPrefix(name + " ") {
            return Int(line.dropFirst(name.count + 1))
        }
        return nil
    }
}
