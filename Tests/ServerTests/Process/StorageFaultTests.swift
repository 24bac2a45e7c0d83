import Foundation
import Glibc
import Support
import Testing
import WeightStore
import WireAPI

/// A daemon within a budget, under which the file of its weights goes bad and is mended again.
@Suite(.timeLimit(.minutes(2))) struct StorageFaultTests {
    /// A daemon that has answered once.
    private struct Running {
        let daemon: ChildProcess
        let socket: String
        let store: String
        /// The text of the first answer.
        let text: String?
    }

    private static func body(stream: Bool = false) -> [UInt8] {
        Array(#"{"prompt": [3, 17, 8], "max_tokens": 4, "temperature": 0, "stream": \#(stream)}"#.utf8)
    }

    private static func ask(_ socket: String) async throws -> (status: Int, json: JSONValue) {
        let answer = try await ServerTests.ask(socket, "POST", "/v1/completions", body: body())
        return (answer.status, try JSONValue(parsing: answer.body))
    }

    private static func text(_ json: JSONValue) -> String? {
        guard case .array(let choices)? = json["choices"] else { return nil }
        return choices.first?["text"]?.stringValue
    }

    /// Runs `body` with a daemon that serves the store at `path`, half of which it cannot keep.
    private func withDaemon(
        _ model: BudgetedModel, store path: String? = nil, _ body: (Running) async throws -> Void
    ) async throws {
        let options = ["--context", "64", "--threads", "2"]
        let budget = try await model.floor(options) + 1
        let store = path ?? model.store
        try await ServiceManager.running { manager in
            try manager.configure("model: \(store)\n")
            let daemon = try manager.start(
                ["--config", manager.settings, "--memory-budget", "\(budget)M"] + options)
            #expect(await manager.hear("READY", "1") != nil)
            let (status, json) = try await Self.ask(manager.socket)
            #expect(status == 200)
            let memory = try await health(manager.socket)["memory"]
            #expect(memory?["missed"]?.intValue ?? 0 > 0, "all weights are in memory")
            try await body(
                Running(daemon: daemon, socket: manager.socket, store: store, text: Self.text(json)))
            daemon.signal(SIGTERM)
            #expect(await daemon.end() == 0)
        }
    }

    private func health(_ socket: String) async throws -> JSONValue {
        try JSONValue(parsing: try await ServerTests.ask(socket, "GET", "/health").body)
    }

    /// The request fails, and all there is says why: the answer, the stream, health, with the file's name.
    private func expectFault(_ running: Running, _ words: String) async throws {
        let (status, json) = try await Self.ask(running.socket)
        #expect(status == 500, "\(words)")
        #expect(json["error"]?["code"] == "weights", "\(words)")
        let message = json["error"]?["message"]?.stringValue ?? ""
        #expect(message.contains(running.store) && message.contains(words), "\(message)")
        let health = try await health(running.socket)
        #expect(health["status"] == "fault")
        #expect(health["fault"]?.stringValue == message)
        let stream = try await ServerTests.ask(
            running.socket, "POST", "/v1/completions", body: Self.body(stream: true))
        #expect(stream.body.contains(#""code":"weights""#), "\(words): \(stream.body)")
    }

    /// The same answer as at first, and nothing to complain of.
    private func expectRecovery(_ running: Running, _ what: String) async throws {
        let (status, json) = try await Self.ask(running.socket)
        #expect(status == 200, "\(what)")
        #expect(Self.text(json) == running.text, "\(what)")
        let health = try await health(running.socket)
        #expect(health["status"] == "ok" && health["fault"] == nil, "\(what)")
    }

    /// Writes into the file that is open, as its owner would who copies it back.
    private func overwrite(_ path: String, _ bytes: Data) throws {
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.write(contentsOf: bytes)
        try file.synchronize()
        try file.close()
    }

    @Test func damageIsAnErrorUntilItIsMended() async throws {
        try await BudgetedModel.with { model in
            let whole = try Data(contentsOf: URL(fileURLWithPath: model.store))
            try await withDaemon(model) { running in
                var flipped = whole
                for tensor in try StoreInspection(path: model.store).tensors
                where tensor.name == "blk.2.ffn" {
                    let units = tensor.elements.frames.count
                    for unit in 0..<units {
                        flipped[tensor.elements.offset + unit * tensor.elements.frameBytes] ^= 0x10
                    }
                    #expect(units > 100)
                }
                #expect(flipped != whole)
                try overwrite(model.store, flipped)
                try await expectFault(running, "tensor blk.2.ffn")
                try overwrite(model.store, whole)
                try await expectRecovery(running, "after flipped bits")
                for length in [whole.count / 2, 4096, 0] {
                    #expect(truncate(model.store, off_t(length)) == 0)
                    try await expectFault(running, "cannot read: it has become shorter than it was")
                    try overwrite(model.store, whole)
                    try await expectRecovery(running, "after \(length) bytes")
                }
            }
        }
    }

    /// The daemon keeps the file that it opened, whatever becomes of the name.
    @Test func anotherFileUnderTheNameChangesNothing() async throws {
        try await BudgetedModel.with { model in
            try await withDaemon(model) { running in
                try write(Array("no model".utf8), to: model.store + ".new")
                #expect(rename(model.store + ".new", model.store) == 0)
                try await expectRecovery(running, "after a rename")
                #expect(unlink(model.store) == 0)
                try await expectRecovery(running, "after the file was removed")
            }
        }
    }

    /// A disk that ends where the file goes on: the device is a file that becomes shorter. Needs root.
    @Test(.enabled(if: getuid() == 0)) func readErrorsAreErrors() async throws {
        try await BudgetedModel.with { model in
            let (disk, folder) = (model.folder + "/disk", model.folder + "/mounted")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            let made = try await shell(
                """
                truncate -s 16M \(disk) && /sbin/mkfs.ext4 -q -O ^has_journal \(disk) &&
                mount -o loop \(disk) \(folder) && cp \(model.store) \(folder)/m.chess && umount \(folder) &&
                mount -o loop,ro \(disk) \(folder)
                """)
            // Containers may have no devices to mount.
            guard made == 0 else { return }
            do {
                let whole = try Data(contentsOf: URL(fileURLWithPath: disk))
                try await withDaemon(model, store: folder + "/m.chess") { running in
                    #expect(truncate(disk, 1 << 20) == 0)
                    try await expectFault(running, "cannot read: Input/output error")
                    try overwrite(disk, whole)
                    try await expectRecovery(running, "after a read error")
                }
                #expect(try await shell("umount \(folder)") == 0)
            } catch {
                _ = try await shell("umount -l \(folder)")
                throw error
            }
        }
    }

    private func shell(_ script: String) async throws -> Int32? {
        let null = open("/dev/null", O_RDWR)
        defer { close(null) }
        let child = try ChildProcess(
            ["/bin/sh", "-c", script], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], input: null,
            output: null, errors: null)
        return await child.end()
    }
}
