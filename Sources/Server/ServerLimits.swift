/// How much of anything one client may take.
package struct ServerLimits: Sendable, Equatable {
    /// Largest request body, in bytes.
    package var bodyBytes = 1 << 20
    /// Open connections; further clients wait in the socket's backlog.
    package var connections = 64
    /// A connection without a request is closed after this long.
    package var idleTimeout = Duration.seconds(60)
    /// A request's body must have arrived after this long.
    package var bodyTimeout = Duration.seconds(30)
    /// A client that takes nothing of its answer for this long is dropped.
    package var writeTimeout = Duration.seconds(30)
    /// Running answers may go on for this long after the daemon was told to stop.
    package var grace = Duration.seconds(5)
    /// After the grace, clients have this long to read the last bytes of their answers.
    package var closingTime = Duration.seconds(2)
    /// With no client connected for this long the daemon ends, where systemd starts it again; `nil` is never.
    package var idleExit: Duration?

    package init() {}
}
