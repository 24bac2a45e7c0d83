internal import NIOCore

internal import var Glibc.SO_PEERCRED

/// The process at the other end of a Unix socket, as it was when it connected.
struct Peer: Sendable, Equatable {
    let pid: Int32
    let uid: UInt32

    /// The kernel's `struct ucred`.
    private struct Credentials {
        var pid: Int32 = 0
        var uid: UInt32 = 0
        var gid: UInt32 = 0
    }

    /// Who is behind `channel`; `nil` on TCP, where the kernel does not tell.
    static func of(_ channel: any Channel) async -> Peer? {
        guard case .unixDomainSocket? = channel.localAddress,
            let options = channel as? any SocketOptionProvider
        else { return nil }
        let found: EventLoopFuture<Credentials> = options.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        guard let credentials = try? await found.get() else { return nil }
        return Peer(pid: credentials.pid, uid: credentials.uid)
    }
}
