import Generation
import Glibc
import Logging
import ServiceLifecycle
import Testing

@testable import Server

/// Daemons in this process that end when idle, on a socket that outlives them.
@Suite(.timeLimit(.minutes(1))) struct IdleExitTests {
    /// Runs a daemon on a copy of `listening` until it ends by itself.
    private func runUntilIdle(
        _ listening: Int32, _ limit: Duration, _ generator: ScriptedGenerator = ScriptedGenerator()
    ) async throws {
        var limits = ServerLimits()
        limits.idleExit = limit
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let daemon = Daemon(
            switchboard: Switchboard(Serving(generator: generator, limits: limits)),
            socket: .inherited(InheritedSocket(descriptor: dup(listening))), notifier: NoNotifier(),
            logger: quiet)
        try await ServiceGroup(
            configuration: .init(
                services: [.init(service: daemon, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: quiet)
        ).run()
    }

    /// Clients come at all moments around the ends of one daemon after the other.
    @Test func noRequestIsLostAroundTheEnd() async throws {
        try await withTemporaryDirectory { directory in
            let listening = try boundSocket(SOCK_STREAM, directory + "/s")
            listen(listening, 16)
            defer { close(listening) }
            let daemons = Task {
                var starts = 0
                while !Task.isCancelled {
                    try? await runUntilIdle(listening, .milliseconds(3))
                    starts += 1
                }
                return starts
            }
            for _ in 0..<150 {
                #expect(try await ask(directory + "/s", "GET", "/health").status == 200)
                try await Task.sleep(for: .microseconds(Int.random(in: 0...8000)))
            }
            daemons.cancel()
            #expect(await daemons.value > 10)
        }
    }

    /// Half a request, then an answer that takes longer than the limit; others are still accepted meanwhile.
    @Test func clientsKeepTheDaemonUp() async throws {
        try await withTemporaryDirectory { directory in
            let listening = try boundSocket(SOCK_STREAM, directory + "/s")
            listen(listening, 16)
            defer { close(listening) }
            let generator = ScriptedGenerator()
            let daemon = Task { try await runUntilIdle(listening, .milliseconds(20), generator) }
            let answer = try await RawConnection.open(directory + "/s") { connection in
                try await connection.send("POST /v1/completions HTTP/1.1\r\nHost: x\r\n")
                try await Task.sleep(for: .milliseconds(60))
                try await connection.send(
                    "Connection: close\r\nContent-Length: 15\r\n\r\n{\"prompt\": \"a\"}")
                let run = await generator.runs.next()
                run?.start()
                try await Task.sleep(for: .milliseconds(60))
                #expect(try await ask(directory + "/s", "GET", "/health").status == 200)
                run?.finish(.stop, tokens: 1, trailing: "late")
                return try await connection.readAll()
            }
            #expect(answer.body.contains("late"))
            try await daemon.value
        }
    }
}
