/// Why a command of the client cannot be carried out.
enum ClientError: Error, Equatable, CustomStringConvertible {
    case socketMissing(path: String)
    case refused(path: String)
    case permissionDenied(path: String)
    case pathTooLong(path: String, byteCount: Int)
    case connection(path: String, reason: String)
    case silent(path: String, seconds: Int64)
    case cutShort(path: String)
    /// The daemon ended the answer early, and said so: it is being stopped.
    case stopped(path: String)
    case notUnderstood(path: String, reason: String)
    /// The daemon's own error, in its words.
    case answered(status: Int, message: String)
    case noQuestion
    case inputTooLarge(limit: Int)
    /// A file that a request needs, in the operating system's words.
    case unreadable(String)
    case schema(path: String, reason: String)

    var description: String {
        switch self {
        case .socketMissing(let path):
            "\(path): no daemon there; start it with systemctl start chessd, "
                + "or name another socket with --socket"
        case .refused(let path):
            "\(path): nobody is listening; start the daemon with systemctl start chessd, "
                + "or name another socket with --socket"
        case .permissionDenied(let path):
            "\(path): permission denied; join the group that owns the socket (sudo usermod -aG chessd $USER) "
                + "and log in again"
        case .pathTooLong(let path, let count):
            "\(path): the path has \(count) bytes, a socket's may have 103; choose a shorter one"
        case .connection(let path, let reason):
            "\(path): \(reason); see journalctl -u chessd"
        case .silent(let path, let seconds):
            "\(path): no answer within \(seconds) seconds; see journalctl -u chessd"
        case .cutShort(let path):
            "\(path): the daemon closed the connection in the middle of its answer; see journalctl -u chessd"
        case .stopped(let path):
            "\(path): the daemon is being stopped and ended its answer early; ask again when it is back"
        case .notUnderstood(let path, let reason):
            "\(path): the answer is not what chessd says: \(reason); is another program listening there?"
        case .answered(_, let message):
            message
        case .noQuestion:
            "nothing to ask; give the text as an argument or on standard input"
        case .inputTooLarge(let limit):
            "standard input holds more than \(limit) bytes; send less"
        case .unreadable(let reason):
            reason
        case .schema(let path, let reason):
            "\(path): \(reason)"
        }
    }

    /// The exit code of sysexits.h that says the same to a script.
    var exitCode: Int32 {
        switch self {
        case .noQuestion, .pathTooLong: 64
        case .inputTooLarge, .schema: 65
        case .unreadable: 66
        case .socketMissing, .refused, .connection, .silent: 69
        case .stopped: 75
        case .answered(let status, _): status == 503 ? 75 : status >= 500 ? 70 : 65
        case .cutShort, .notUnderstood: 76
        case .permissionDenied: 77
        }
    }
}
