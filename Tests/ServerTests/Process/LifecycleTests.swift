import Glibc
import Testing

/// The program's life as a service manager hears it.
@Suite(.timeLimit(.minutes(2))) struct LifecycleTests {
    private let prompt = Array(#"{"prompt": [3, 17, 8], "max_tokens": 4, "temperature": 0}"#.utf8)

    @Test func idleProgramEndsAndIsStartedByTheNextClient() async throws {
        try await ServiceManager.running { manager in
            for _ in 0..<2 {
                let answer = Task { try await ask(manager.socket, "POST", "/v1/completions", body: prompt) }
                let daemon = try manager.start(["--idle-exit", "1"])
                #expect(try await answer.value.status == 200)
                #expect(await manager.hear("STOPPING", "1") != nil)
                #expect(await daemon.end() == 0)
            }
        }
    }

    /// Nobody would start it again.
    @Test func idleExitNeedsTheManagersSocket() async throws {
        try await ServiceManager.running { manager in
            let daemon = try manager.start(
                ["--idle-exit", "1", "--socket", manager.directory + "/own"], handOver: .nothing)
            #expect(await manager.hear("READY", "1") != nil)
            #expect(manager.text(of: manager.log).contains("warning: idle-exit has no effect"))
            daemon.signal(SIGTERM)
            #expect(await daemon.end() == 0)
        }
    }
}
