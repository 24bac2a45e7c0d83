internal import Glibc

/// Links that other programs follow while they are changed.
package enum SymbolicLink {
    /// What is found under a name, without following it.
    package enum Place: Sendable, Equatable {
        case nothing
        /// A link that names `target`, which need not be there.
        case link(target: String)
        case file
        case folder
        case other
    }

    /// What lies at `path`.
    package static func place(_ path: String) throws(FileError) -> Place {
        var facts = stat()
        guard unsafe lstat(path, &facts) == 0 else {
            if errno == ENOENT { return .nothing }
            throw FileError(path: path, action: "look at", errno: errno)
        }
        switch facts.st_mode & S_IFMT {
        case S_IFLNK: return .link(target: try target(of: path))
        case S_IFREG: return .file
        case S_IFDIR: return .folder
        default: return .other
        }
    }

    /// Makes `path` a link that names `target`, whatever link was there; at no moment is there none.
    ///
    /// Replaces a file too: look with `place` first.
    package static func replace(
        _ path: String, target: String, owner: FileOwner? = nil
    ) throws(FileError) {
        let temporary = "\(path).partial-\(getpid())"
        unsafe unlink(temporary)
        guard unsafe symlink(target, temporary) == 0 else {
            throw FileError(path: temporary, action: "create", errno: errno)
        }
        do throws(FileError) {
            try owner?.takeLink(temporary)
            guard unsafe rename(temporary, path) == 0 else {
                throw FileError(path: path, action: "replace", errno: errno)
            }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
    }

    private static func target(of path: String) throws(FileError) -> String {
        let capacity = Int(PATH_MAX)
        var characters = [CChar](repeating: 0, count: capacity)
        let count = unsafe readlink(path, &characters, capacity)
        guard count >= 0 else { throw FileError(path: path, action: "look at", errno: errno) }
        return String(decoding: characters.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
