import Foundation
import Glibc
import Testing

@testable import Server

/// SIGHUP, as systemctl reload sends it.
@Suite(.timeLimit(.minutes(2))) struct ReloadTests {
    private func stream(tokens: Int) -> [UInt8] {
        let fields = #""temperature": 0, "ignore_eos": true, "stream_options": {"include_usage": true}"#
        return Array(#"{"prompt": [3, 17], "stream": true, "max_tokens": \#(tokens), \#(fields)}"#.utf8)
    }

    /// What the status line says after one reload.
    private func reload(_ daemon: ChildProcess, _ manager: ServiceManager) async -> String? {
        daemon.signal(SIGHUP)
        guard await manager.hear("RELOADING", "1") != nil else { return nil }
        return await manager.hear("READY", "1")?["STATUS"]
    }

    private func withTwoModels<R>(
        _ body: (ServiceManager, ChildProcess, _ settings: (String) -> String) async throws -> R
    ) async throws -> R {
        try await ServiceManager.running { manager in
            try await ServiceManager.makeModel(manager.directory + "/other.chess", seedLayers: 2)
            func settings(_ name: String) -> String { "model: \(manager.directory)/\(name).chess\n" }
            try manager.configure(settings("m") + "context: 16384\ngrace: 0\n")
            let daemon = try manager.start(["--config", manager.settings])
            #expect(await manager.hear("READY", "1") != nil)
            return try await body(manager, daemon, settings)
        }
    }

    /// Models are exchanged under a running answer, which is complete; the next request gets the last one.
    @Test func twentyReloadsLeaveARunningStreamAlone() async throws {
        try await withTwoModels { manager, daemon, settings in
            let count = 5000
            let answer = try await RawConnection.open(manager.socket) { connection in
                let body = stream(tokens: count)
                try await connection.send(
                    "POST", "/v1/completions", body: body, headers: "Connection: close\r\n")
                #expect(try await connection.read(until: "data: "))
                for round in 1...20 {
                    let name = round % 2 == 0 ? "m" : "other"
                    try manager.configure(settings(round == 20 ? "other" : name) + "log-level: debug\n")
                    #expect(await reload(daemon, manager)?.contains("reload failed") == false)
                }
                #expect(try await ask(manager.socket, "GET", "/v1/models").body.contains(#""id":"other""#))
                return try await connection.readAll()
            }
            #expect(answer.body.hasSuffix("data: [DONE]\n\n"))
            #expect(answer.body.contains("\"completion_tokens\":\(count)"))
            #expect(!answer.body.contains(#""model":"other""#))
            let next = try await ask(manager.socket, "POST", "/v1/completions", body: stream(tokens: 3))
            #expect(next.body.contains(#""model":"other""#))
            let log = manager.text(of: manager.log)
            let reloads = log.ranges(of: "notice: reloaded")
            #expect(reloads.count == 20)
            // The stream was still running when the last reload came.
            let end = log.ranges(of: "completion_tokens=\(count)").first
            #expect(reloads.last.map { last in end.map { last.upperBound < $0.lowerBound } } == true)
            // The level of the log is the new one.
            #expect(log.contains("debug: answered "))
            daemon.signal(SIGTERM)
            #expect(await daemon.end() == 0)
        }
    }

    @Test func failedReloadChangesNothing() async throws {
        try await withTwoModels { manager, daemon, settings in
            try manager.configure(settings("m") + "queue: many\n")
            let status = await reload(daemon, manager)
            #expect(
                status?.contains("reload failed, settings unchanged: \(manager.settings):2: queue") == true)
            try manager.configure("model: /nowhere.chess\n")
            #expect(await reload(daemon, manager)?.contains("/nowhere.chess: no such file") == true)
            try Data("junk".utf8).write(to: URL(fileURLWithPath: manager.directory + "/other.chess"))
            try manager.configure(settings("other"))
            #expect(await reload(daemon, manager)?.contains("other.chess: ") == true)
            #expect(try await ask(manager.socket, "GET", "/v1/models").body.contains(#""id":"m""#))
            let answer = try await ask(manager.socket, "POST", "/v1/completions", body: stream(tokens: 3))
            #expect(answer.body.hasSuffix("data: [DONE]\n\n"))
            #expect(manager.text(of: manager.log).ranges(of: "error: reload failed").count == 3)
            try manager.configure(settings("m"))
            #expect(await reload(daemon, manager)?.contains("reload failed") == false)
        }
    }

    @Test func whatOnlyARestartChangesIsNamed() async throws {
        try await withTwoModels { manager, daemon, settings in
            try manager.configure(settings("m") + "socket: /elsewhere\nlisten: 127.0.0.1:0\n")
            #expect(await reload(daemon, manager) != nil)
            let warnings = "warning: only a restart changes this setting setting="
            let log = manager.text(of: manager.log)
            #expect(log.contains(warnings + "socket") && log.contains(warnings + "listen"))
        }
    }

    /// systemd 253 and later compares the time with that of its own request.
    @Test func reloadingCarriesTheMonotonicTime() async throws {
        try await withTwoModels { manager, daemon, _ in
            func now() -> UInt64 {
                var time = timespec()
                clock_gettime(CLOCK_MONOTONIC, &time)
                return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
            }
            let before = now()
            daemon.signal(SIGHUP)
            let told = await manager.hear("RELOADING", "1")?["MONOTONIC_USEC"].flatMap { UInt64($0) }
            #expect(told.map { (before...now()).contains($0) } == true)
        }
    }

    /// The manager is asked for time at once, and a signal does not end the program before it is ready.
    @Test func signalWhileLoadingWaits() async throws {
        try await ServiceManager.running { manager in
            let daemon = try manager.start()
            #expect(await manager.hear("EXTEND_TIMEOUT_USEC") == "30000000")
            daemon.signal(SIGHUP)
            #expect(await manager.hear("READY", "1") != nil)
            #expect(await manager.hear("RELOADING", "1") != nil)
            #expect(await manager.hear("READY", "1") != nil)
        }
    }

    /// The answer runs on an engine that a reload has replaced; it is ended all the same.
    @Test func stopEndsAnswersOfReplacedModels() async throws {
        try await withTwoModels { manager, daemon, settings in
            let answer = try await RawConnection.open(manager.socket) { connection in
                try await connection.send("POST", "/v1/completions", body: stream(tokens: 16000))
                #expect(try await connection.read(until: "data: "))
                try manager.configure(settings("other") + "grace: 0\n")
                #expect(await reload(daemon, manager) != nil)
                daemon.signal(SIGTERM)
                return try await connection.readAll()
            }
            #expect(answer.body.contains(#""cancelled":true"#))
            #expect(answer.body.hasSuffix("data: [DONE]\n\n"))
            #expect(await daemon.end() == 0)
        }
    }
}
