import FoundationEssentials
import NIOCore
import NIOPosix
import Testing

@testable import Server

@Suite(.timeLimit(.minutes(1))) struct SocketTests {
    private func start(at path: String) async throws {
        try await TestDaemon.running(ScriptedGenerator(), socket: path) { _ in }
    }

    @Test func socketHasItsModeAndIsRemovedAtTheEnd() async throws {
        let path = try await TestDaemon.running(ScriptedGenerator()) { daemon in
            let attributes = try FileManager.default.attributesOfItem(atPath: daemon.socket)
            #expect(attributes[.type] as? FileAttributeType == .typeSocket)
            #expect(attributes[.posixPermissions].map { "\($0)" } == "\(0o660)")
            return daemon.socket
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func staleSocketIsReplaced() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(unixDomainSocketPath: directory + "/first").get()
            // Closing would remove the file under the name it was bound to.
            try FileManager.default.moveItem(atPath: directory + "/first", toPath: path)
            try await listener.close().get()
            #expect(FileManager.default.fileExists(atPath: path))
            try await TestDaemon.running(ScriptedGenerator(), socket: path) { daemon in
                let answer = try await ask(daemon.socket, "GET", "/health")
                #expect(answer.status == 200)
            }
        }
    }

    @Test func liveSocketIsRefusedAndGoesOn() async throws {
        try await TestDaemon.running(ScriptedGenerator()) { daemon in
            await #expect(throws: SocketError.inUse(path: daemon.socket)) {
                try await start(at: daemon.socket)
            }
            let answer = try await ask(daemon.socket, "GET", "/health")
            #expect(answer.status == 200)
        }
    }

    @Test func otherFileIsRefusedAndKept() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/notes"
            try Data("keep me".utf8).write(to: URL(filePath: path))
            await #expect(throws: SocketError.notASocket(path: path)) { try await start(at: path) }
            #expect(try Data(contentsOf: URL(filePath: path)) == Data("keep me".utf8))
            await #expect(throws: SocketError.notASocket(path: directory)) { try await start(at: directory) }
        }
    }

    @Test func impossiblePathsAreNamed() async throws {
        await #expect(throws: SocketError.pathEmpty) { try await start(at: "") }
        let missing = SocketError.directoryMissing(path: "/nowhere/at/all/s", directory: "/nowhere/at/all")
        await #expect(throws: missing) { try await start(at: "/nowhere/at/all/s") }
        let long = "/tmp/" + String(repeating: "x", count: 99)
        await #expect(throws: SocketError.pathTooLong(path: long, byteCount: 104, limit: 103)) {
            try await start(at: long)
        }
    }

    /// The longest path works; one byte more is the error above.
    @Test func longestPathWorks() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/" + String(repeating: "x", count: 103 - directory.utf8.count - 1)
            try await TestDaemon.running(ScriptedGenerator(), socket: path) { daemon in
                let answer = try await ask(daemon.socket, "GET", "/health")
                #expect(answer.status == 200)
            }
        }
    }

    @Test func successorsSocketIsNotRemoved() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await TestDaemon.running(ScriptedGenerator(), socket: path) { _ in
                try FileManager.default.removeItem(atPath: path)
                try Data().write(to: URL(filePath: directory + "/occupies-the-old-inode"))
                try Data("successor".utf8).write(to: URL(filePath: path))
            }
            #expect(FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func errorsSayWhatToDo() {
        #expect(
            SocketError.inUse(path: "/a").description
                == "/a: another process is listening there; stop it or name another socket")
        #expect(
            SocketError.pathTooLong(path: "/a", byteCount: 104, limit: 103).description
                == "/a: the path has 104 bytes, a socket's may have 103; choose a shorter one")
        #expect(
            SocketError.directoryMissing(path: "/a/b", directory: "/a").description
                == "/a/b: the directory /a does not exist; create it or name another socket")
    }
}
