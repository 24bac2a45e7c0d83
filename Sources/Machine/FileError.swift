internal import Glibc

/// Why the operating system refused something about a file.
package struct FileError: Error, Equatable, CustomStringConvertible {
    package var path: String
    /// What was tried, as a verb in the infinitive: `open`, `map`, `write`.
    package var action: String
    package var errno: Int32

    package init(path: String, action: String, errno: Int32) {
        self.path = path
        self.action = action
        self.errno = errno
    }

    /// Whether a file could not be mapped because it holds nothing.
    package var isEmptyFile: Bool { errno == ENODATA && action == "map" }

    package var description: String { "\(path): cannot \(action): \(reason)" }

    private var reason: String {
        switch errno {
        case ENOENT where action == "create": "its folder is not there or takes no new files; choose another"
        case ENOENT: "no such file or directory; check the name"
        case EACCES: "permission denied; check the owner and mode of the file and its folders"
        case ENOSPC: "no space left on the device; free some and try again"
        case EISDIR: "it is a directory"
        case EINVAL where action == "map": "it is not a regular file"
        case ENODATA where action == "map": "it is empty"
        case ENODATA where action == "read": "it has become shorter than it was; restore it"
        default: unsafe String(cString: strerror(errno))
        }
    }
}
