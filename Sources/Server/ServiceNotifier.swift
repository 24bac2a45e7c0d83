/// Tells whoever started the daemon how it is doing.
package protocol ServiceNotifier: Sendable {
    /// Clients can connect now.
    func ready(_ status: String)
    func status(_ status: String)
    func stopping()
}

/// Nobody to tell.
package struct NoNotifier: ServiceNotifier {
    package init() {}
    package func ready(_ status: String) {}
    package func status(_ status: String) {}
    package func stopping() {}
}
