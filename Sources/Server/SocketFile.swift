internal import FoundationEssentials
internal import NIOCore
internal import NIOPosix

/// Why the daemon cannot listen at a path or an address.
package enum SocketError: Error, Equatable, CustomStringConvertible {
    case pathEmpty
    case pathTooLong(path: String, byteCount: Int, limit: Int)
    case directoryMissing(path: String, directory: String)
    case notASocket(path: String)
    case inUse(path: String)
    case unreachable(path: String, reason: String)
    case cannotBind(path: String, reason: String)
    case cannotListen(address: ListenAddress, reason: String)
    case tooManyInherited(count: Int)
    case unfitInherited(descriptor: Int32)
    case cannotAdopt(descriptor: Int32, reason: String)

    package var description: String {
        switch self {
        case .pathEmpty:
            "socket: the path is empty; name a file such as /run/chessd/chessd.sock"
        case .pathTooLong(let path, let count, let limit):
            "\(path): the path has \(count) bytes, a socket's may have \(limit); choose a shorter one"
        case .directoryMissing(let path, let directory):
            "\(path): the directory \(directory) does not exist; create it or name another socket"
        case .notASocket(let path):
            "\(path): a file that is not a socket is in the way; remove it or name another socket"
        case .inUse(let path):
            "\(path): another process is listening there; stop it or name another socket"
        case .unreachable(let path, let reason):
            "\(path): the socket there can be neither used nor replaced: \(reason)"
        case .cannotBind(let path, let reason):
            "\(path): cannot listen there: \(reason)"
        case .cannotListen(let address, let reason):
            "\(address): cannot listen there: \(reason)"
        case .tooManyInherited(let count):
            "LISTEN_FDS: \(count) sockets were handed over, one is served; keep one ListenStream= in chessd.socket"
        case .unfitInherited(let descriptor):
            "descriptor \(descriptor): what was handed over is no listening Unix stream socket; "
                + "chessd.socket needs ListenStream= with a path"
        case .cannotAdopt(let descriptor, let reason):
            "descriptor \(descriptor): the socket handed over cannot be used: \(reason)"
        }
    }
}

/// The socket's entry in the file system.
struct SocketFile: Sendable {
    let path: String

    /// The longest path NIO accepts: what `sockaddr_un` holds on every system. Linux alone would hold 107.
    static let maximumPathBytes = 103

    /// Checks that a socket can be made at the path and removes one that nobody listens on any more.
    ///
    /// Between this and the bind another daemon could do the same; the service manager starts only one.
    func prepare(on group: any EventLoopGroup) async throws(SocketError) {
        guard !path.isEmpty else { throw .pathEmpty }
        guard path.utf8.count <= Self.maximumPathBytes else {
            throw .pathTooLong(path: path, byteCount: path.utf8.count, limit: Self.maximumPathBytes)
        }
        let directory = Self.directory(of: path)
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory), isDirectory else {
            throw .directoryMissing(path: path, directory: directory)
        }
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return }
        guard attributes[.type] as? FileAttributeType == .typeSocket else { throw .notASocket(path: path) }
        try await refuseLiveSocket(on: group)
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw .unreachable(path: path, reason: "it is stale but cannot be removed")
        }
    }

    private func refuseLiveSocket(on group: any EventLoopGroup) async throws(SocketError) {
        let connection: any Channel
        do {
            connection = try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get()
        } catch let error as IOError where error.errnoCode == POSIXErrorCode.ECONNREFUSED.rawValue {
            return
        } catch let error as IOError where error.errnoCode == POSIXErrorCode.ENOENT.rawValue {
            return
        } catch {
            throw .unreachable(path: path, reason: "\(error)")
        }
        try? await connection.close().get()
        throw .inUse(path: path)
    }

    /// The inode of the socket now at the path; `nil` when there is none.
    func inode() -> String? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return attributes?[.systemFileNumber].map { "\($0)" }
    }

    /// Removes the socket if it is still the one with this inode, not a successor's.
    func remove(inode: String?) {
        guard let inode, self.inode() == inode else { return }
        try? FileManager.default.removeItem(atPath: path)
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
