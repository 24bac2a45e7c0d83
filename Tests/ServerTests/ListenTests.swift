import FoundationEssentials
import Generation
import ServiceLifecycle
import Testing
import WireAPI

@testable import Server

/// The TCP listener beside the socket.
@Suite(.timeLimit(.minutes(1))) struct ListenTests {
    @Test(arguments: [
        ("127.0.0.1:8080", "127.0.0.1", 8080), ("127.9.9.9:0", "127.9.9.9", 0), ("[::1]:65535", "::1", 65535),
    ])
    func loopbackAddressesAreRead(text: String, host: String, port: Int) throws {
        let address = try ListenAddress(text)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.description == text)
    }

    @Test(arguments: [
        "", ":", "127.0.0.1", "127.0.0.1:", ":8080", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8o8o",
        "localhost:8080", "::1:8080", "[::1]", "[127.0.0.1]:80", "[::1:80", "127.0.0.1 :80", "256.0.0.1:80",
        "/run/s:80", "127.1:80",
    ])
    func otherTextsAreNoAddress(text: String) {
        #expect(throws: ListenAddressError.malformed(text)) { try ListenAddress(text) }
    }

    @Test(arguments: ["0.0.0.0:80", "192.168.1.2:80", "[::]:80", "[fe80::1]:80", "[::ffff:127.0.0.1]:80"])
    func addressesOthersReachAreRefused(text: String) {
        #expect(throws: ListenAddressError.notLoopback(text)) { try ListenAddress(text) }
    }

    @Test func bothListenersGiveTheSameAnswers() async throws {
        let free = try ListenAddress("127.0.0.1:0")
        try await TestDaemon.running(ScriptedGenerator(), address: free) { daemon in
            #expect(try ListenAddress(daemon.address).port > 0)
            let onSocket = try await ask(daemon.socket, "GET", "/v1/models")
            let onAddress = try await ask(daemon.address, "GET", "/v1/models")
            #expect(onAddress.status == 200)
            #expect(onAddress.body == onSocket.body)
        }
    }

    @Test func withoutAnAddressThereIsNone() async throws {
        try await TestDaemon.running(ScriptedGenerator()) { #expect($0.address == "") }
    }

    /// The second daemon says why, leaves at once, and takes its socket along.
    @Test func portInUseIsNamed() async throws {
        let free = try ListenAddress("127.0.0.1:0")
        try await TestDaemon.running(ScriptedGenerator(), address: free) { daemon in
            let taken = try ListenAddress(daemon.address)
            try await withTemporaryDirectory { directory in
                let error = await #expect(throws: SocketError.self) {
                    try await TestDaemon.running(
                        ScriptedGenerator(), socket: directory + "/s", address: taken
                    ) { _ in }
                }
                guard case .cannotListen(taken, let reason) = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(reason.contains("in use"))
                #expect(!FileManager.default.fileExists(atPath: directory + "/s"))
            }
        }
    }

    /// The idle socket closes first; that must not end the answer on the address.
    @Test func shutdownWaitsForAnswersOnTheAddress() async throws {
        let generator = ScriptedGenerator()
        let free = try ListenAddress("127.0.0.1:0")
        try await TestDaemon.running(generator, address: free) { daemon in
            let answer = try await RawConnection.open(daemon.address) { connection in
                let body = Array(#"{"prompt": "a", "stream": true}"#.utf8)
                try await connection.send("POST", "/v1/completions", body: body)
                let run = await generator.runs.next()
                run?.start()
                run?.say("first")
                #expect(try await connection.read(until: "first"))
                await daemon.group.triggerGracefulShutdown()
                #expect(await generator.shutDowns.next() != nil)
                run?.say("second")
                run?.finish(.stop, tokens: 2)
                return try await connection.readAll()
            }
            #expect(answer.body.contains("second"))
            #expect(answer.body.hasSuffix("data: [DONE]\n\n"))
        }
    }

    @Test func clientThatLeavesTheAddressDropsItsGeneration() async throws {
        let generator = ScriptedGenerator()
        let free = try ListenAddress("127.0.0.1:0")
        try await TestDaemon.running(generator, address: free) { daemon in
            let run = try await RawConnection.open(daemon.address) { connection in
                try await connection.send("POST", "/v1/completions", body: Array(#"{"prompt": "a"}"#.utf8))
                return await generator.runs.next()
            }
            #expect(await generator.dropped.next() != nil)
            run?.start()
        }
    }

    @Test func errorsSayWhatToDo() {
        #expect(
            ListenAddressError.malformed("localhost:80").description
                == "\"localhost:80\" is not an IP address and port; write it like 127.0.0.1:8080 or [::1]:8080"
        )
    }
}
