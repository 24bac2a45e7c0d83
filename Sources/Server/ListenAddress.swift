internal import NIOCore

/// A loopback address and port to listen on beside the socket, such as `127.0.0.1:8080` or `[::1]:8080`.
package struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// An IP literal, without brackets.
    package let host: String
    /// 0 takes any free port.
    package let port: Int

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Reads an address. Names are not looked up: what they mean is for others to change.
    package init(_ text: String) throws(ListenAddressError) {
        guard let colon = text.lastIndex(of: ":") else { throw .malformed(text) }
        guard let port = UInt16(text[text.index(after: colon)...]) else { throw .malformed(text) }
        var host = text[..<colon]
        let isBracketed = host.first == "[" && host.last == "]"
        if isBracketed { host = host.dropFirst().dropLast() }
        guard isBracketed == host.contains(":"),
            let address = try? SocketAddress(ipAddress: String(host), port: Int(port))
        else { throw .malformed(text) }
        guard Self.isLoopback(address) else { throw .notLoopback(text) }
        self.host = String(host)
        self.port = Int(port)
    }

    /// The address in use, with the port the system chose.
    init?(_ address: SocketAddress?) {
        guard let address, let host = address.ipAddress, let port = address.port else { return nil }
        self.host = host
        self.port = port
    }

    private static func isLoopback(_ address: SocketAddress) -> Bool {
        switch address {
        case .v4: address.ipAddress?.hasPrefix("127.") ?? false
        case .v6: address.ipAddress == "::1"
        case .unixDomainSocket: false
        }
    }
}

/// Why an address cannot be listened on.
package enum ListenAddressError: Error, Equatable, CustomStringConvertible {
    case malformed(String)
    case notLoopback(String)

    package var description: String {
        switch self {
        case .malformed(let text):
            "\"\(text)\" is not an IP address and port; write it like 127.0.0.1:8080 or [::1]:8080"
        case .notLoopback(let text):
            "\"\(text)\" can be reached from other machines, and the daemon knows no passwords; "
                + "use 127.0.0.1 or [::1], and a proxy that does"
        }
    }
}
