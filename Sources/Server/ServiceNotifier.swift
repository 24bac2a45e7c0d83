/// Tells whoever started the daemon how it is doing.
package protocol ServiceNotifier: Sendable {
    /// Clients can connect now, or the settings have been read again.
    func ready(_ status: String)
    func status(_ status: String)
    /// The settings are about to be read again; `ready` follows.
    func reloading()
    func stopping()
    /// A start or a reload takes longer: it may take so long from now on.
    func extendTimeout(_ time: Duration)
    /// How long the manager waits for the next `alive()` before it ends the program; `nil` when it does not.
    var watchdogPeriod: Duration? { get }
    func alive()
}

/// Nobody to tell.
package struct NoNotifier: ServiceNotifier {
    package init() {}
    package func ready(_ status: String) {}
    package func status(_ status: String) {}
    package func reloading() {}
    package func stopping() {}
    package func extendTimeout(_ time: Duration) {}
    package var watchdogPeriod: Duration? { nil }
    package func alive() {}
}

extension Duration {
    /// Whole microseconds, the unit of systemd's messages and of the journal's fields.
    var microseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
