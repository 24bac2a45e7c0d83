internal import Glibc

/// What the system says about a folder before one writes to it.
package struct FolderFacts: Sendable, Equatable {
    /// Whether this process may make files there.
    package var isWritable: Bool
    /// Bytes that are free for everyone; root could use some more, which the system needs itself.
    package var freeBytes: Int

    package init(_ path: String) throws(FileError) {
        var facts = statvfs()
        guard unsafe statvfs(path, &facts) == 0 else {
            throw FileError(path: path, action: "look at", errno: errno)
        }
        freeBytes = Int(clamping: facts.f_bavail) * Int(clamping: facts.f_frsize)
        isWritable = unsafe access(path, W_OK | X_OK) == 0
    }

    /// Removes the file or link at `path`.
    package static func remove(_ path: String) throws(FileError) {
        guard unsafe unlink(path) == 0 else { throw FileError(path: path, action: "remove", errno: errno) }
    }
}
