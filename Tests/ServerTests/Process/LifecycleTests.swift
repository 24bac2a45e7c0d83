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

    /// The program is ready with its weights in the page cache, and copies them while nobody asks.
    @Test func weightsMoveIntoMemoryAfterTheStart() async throws {
        try await ServiceManager.running { manager in
            let copied = "info: weights copied into memory"
            func answer() async throws -> String? {
                let body = try await ask(manager.socket, "POST", "/v1/completions", body: prompt).body
                return body.firstMatch(of: /"text":"[^"]*"/).map { String($0.output) }
            }
            let daemon = try manager.start()
            #expect(await manager.hear("READY", "1") != nil)
            let first = try await answer()
            while !manager.text(of: manager.log).contains(copied) {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(first != nil)
            #expect(try await answer() == first)
            daemon.signal(SIGTERM)
            #expect(await daemon.end() == 0)

            let mapped = try manager.start(["--weights", "mapped"])
            #expect(await manager.hear("READY", "1") != nil)
            #expect(try await answer() == first)
            mapped.signal(SIGTERM)
            #expect(await mapped.end() == 0)
            #expect(!manager.text(of: manager.log).contains(copied))
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
