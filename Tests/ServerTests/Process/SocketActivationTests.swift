import Foundation
import Glibc
import Testing

@testable import Server

/// The program with a socket that somebody else opened.
@Suite(.timeLimit(.minutes(2))) struct SocketActivationTests {
    private let prompt = Array(#"{"prompt": [3, 17, 8], "max_tokens": 4, "temperature": 0}"#.utf8)

    /// The request is sent before the program runs; the socket's file outlives it and serves the next one.
    @Test func waitingRequestsAreAnsweredByEachStart() async throws {
        try await ServiceManager.running { manager in
            for _ in 0..<2 {
                let answer = Task { try await ask(manager.socket, "POST", "/v1/completions", body: prompt) }
                let daemon = try manager.start()
                #expect(try await answer.value.status == 200)
                #expect(await manager.hear("READY", "1") != nil)
                daemon.signal(SIGTERM)
                #expect(await manager.hear("STOPPING", "1") != nil)
                #expect(await daemon.end() == 0)
                #expect(FileManager.default.fileExists(atPath: manager.socket))
            }
            #expect(manager.text(of: manager.log).contains("socket=\(manager.socket)"))
        }
    }

    /// The socket of the settings is not made when another is handed over.
    @Test func handedOverSocketWinsOverTheSettings() async throws {
        try await ServiceManager.running { manager in
            let daemon = try manager.start(["--socket", manager.directory + "/other"])
            #expect(await manager.hear("READY", "1") != nil)
            #expect(!FileManager.default.fileExists(atPath: manager.directory + "/other"))
            #expect(manager.text(of: manager.log).contains("warning: the socket handed over is used"))
            daemon.signal(SIGTERM)
            #expect(await daemon.end() == 0)
        }
    }

    @Test(
        arguments: [
            (.socketTwice, "LISTEN_FDS: 2 sockets were handed over"), (.otherFile, "descriptor 3: "),
            // Variables meant for another process mean nothing, so the settings' own socket is tried.
            (.strangers, "the directory /nowhere does not exist"),
        ] as [(ServiceManager.HandOver, String)])
    func otherDescriptorsAreRefused(handOver: ServiceManager.HandOver, reason: String) async throws {
        try await ServiceManager.running { manager in
            let daemon = try manager.start(["--socket", "/nowhere/s"], handOver: handOver)
            #expect(await daemon.end() == 69)
            #expect(manager.text(of: manager.log).contains(reason))
        }
    }

    @Test func errorsSayWhatToDo() {
        #expect(
            SocketError.tooManyInherited(count: 2).description
                == "LISTEN_FDS: 2 sockets were handed over, one is served; keep one ListenStream= in "
                + "chessd.socket")
        #expect(
            SocketError.unfitInherited(descriptor: 3).description
                == "descriptor 3: what was handed over is no listening Unix stream socket; chessd.socket "
                + "needs ListenStream= with a path")
    }
}
