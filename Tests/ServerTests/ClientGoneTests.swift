import Generation
import NIOCore
import Testing
import WireAPI

@testable import Server

/// What the engine notices when clients leave, stall, or only stop sending.
@Suite(.timeLimit(.minutes(1))) struct ClientGoneTests {
    @Test(arguments: [true, false], [0, 2])
    func closedConnectionDropsTheGeneration(isStream: Bool, tokensBefore: Int) async throws {
        let generator = ScriptedGenerator()
        try await TestDaemon.running(generator) { daemon in
            try await RawConnection.open(daemon.socket) { connection in
                let body = "{\"prompt\": \"a\", \"stream\": \(isStream)}"
                try await connection.send("POST", "/v1/completions", body: Array(body.utf8))
                let run = await generator.runs.next()
                if tokensBefore > 0 { run?.start() }
                for index in 0..<tokensBefore { run?.say("word\(index)") }
                if isStream && tokensBefore > 0 {
                    #expect(try await connection.read(until: "word\(tokensBefore - 1)"))
                }
            }
            #expect(await generator.dropped.next() != nil)
        }
    }

    /// `nc -N` and others close their sending side after the request and wait.
    @Test func clientThatOnlyStopsSendingGetsItsAnswer() async throws {
        let generator = ScriptedGenerator()
        try await TestDaemon.running(generator) { daemon in
            let answer = try await RawConnection.open(daemon.socket) { connection in
                try await connection.send("POST", "/v1/completions", body: Array(#"{"prompt": "a"}"#.utf8))
                let run = await generator.runs.next()
                connection.finishSending()
                run?.start()
                run?.finish(.stop, tokens: 1, trailing: "still here")
                return try await connection.readAll()
            }
            #expect(answer.body.contains("still here"))
        }
    }

    @Test func bodyThatNeverComesClosesTheConnection() async throws {
        var limits = ServerLimits()
        limits.bodyTimeout = .milliseconds(50)
        try await TestDaemon.running(ScriptedGenerator(), limits: limits) { daemon in
            try await RawConnection.open(daemon.socket) { connection in
                try await connection.send(
                    "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
                _ = try await connection.readAll()
            }
        }
    }

    @Test func idleConnectionIsClosed() async throws {
        var limits = ServerLimits()
        limits.idleTimeout = .milliseconds(50)
        try await TestDaemon.running(ScriptedGenerator(), limits: limits) { daemon in
            let answer = try await RawConnection.open(daemon.socket) { try await $0.readAll() }
            #expect(answer.status == 0)
        }
    }

    /// The client reads nothing; the answer is larger than every buffer between.
    @Test func clientThatDoesNotReadIsDropped() async throws {
        var limits = ServerLimits()
        limits.writeTimeout = .milliseconds(100)
        let generator = ScriptedGenerator()
        try await TestDaemon.running(generator, limits: limits) { daemon in
            try await RawConnection.open(daemon.socket) { connection in
                try await connection.channel.setOption(.autoRead, value: false).get()
                let body = #"{"prompt": "a", "stream": true}"#
                try await connection.send("POST", "/v1/completions", body: Array(body.utf8))
                let run = await generator.runs.next()
                run?.start()
                let text = String(repeating: "x", count: 1 << 20)
                for _ in 0..<8 { run?.say(text) }
                #expect(await generator.dropped.next() != nil)
            }
        }
    }

    /// With one connection allowed the second waits its turn and is then answered.
    @Test func connectionsAreBounded() async throws {
        var limits = ServerLimits()
        limits.connections = 1
        try await TestDaemon.running(ScriptedGenerator(), limits: limits) { daemon in
            let socket = daemon.socket
            let second = try await RawConnection.open(socket) { first in
                try await first.send("GET", "/health", body: [])
                #expect(try await first.read(until: "\"kernels\""))
                let second = Task { try await ask(socket, "GET", "/health") }
                try await first.send("GET", "/health", body: [])
                return second
            }
            #expect(try await second.value.status == 200)
        }
    }
}
