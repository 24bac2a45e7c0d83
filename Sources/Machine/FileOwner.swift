internal import Glibc

/// The user and the group that a file belongs to.
package struct FileOwner: Sendable, Equatable {
    package var user: UInt32
    package var group: UInt32

    /// The owner of what lies at `path`; of the target, where that is a link.
    package init(of path: String) throws(FileError) {
        var facts = stat()
        guard unsafe stat(path, &facts) == 0 else {
            throw FileError(path: path, action: "look at", errno: errno)
        }
        (user, group) = (facts.st_uid, facts.st_gid)
    }

    /// Makes the file at `path` this owner's, and lets the owner and nobody else write it: mode 0644.
    ///
    /// Only root can give files away; to anybody else this is an error unless the file is the owner's already.
    package func take(_ path: String) throws(FileError) {
        try takeLink(path)
        guard unsafe chmod(path, 0o644) == 0 else {
            throw FileError(path: path, action: "change the mode", errno: errno)
        }
    }

    /// Makes the link at `path` this owner's, or the file where it is none; what a link names stays as it is.
    package func takeLink(_ path: String) throws(FileError) {
        var facts = stat()
        guard unsafe lstat(path, &facts) == 0 else {
            throw FileError(path: path, action: "look at", errno: errno)
        }
        if (facts.st_uid, facts.st_gid) == (user, group) { return }
        guard unsafe lchown(path, user, group) == 0 else {
            throw FileError(path: path, action: "change the owner", errno: errno)
        }
    }
}
