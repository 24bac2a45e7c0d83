@preconcurrency import Dispatch
import Foundation
import Glibc
import Importing
import Support
import Tensors

/// A service manager as the daemon sees one: it opens the socket, starts the program, hears its notifications.
final class ServiceManager: @unchecked Sendable {
    let directory: String
    /// A small random model; token 2 ends a text, 16384 tokens of context.
    let model: String
    /// Every message the program sent, as its assignments.
    let messages: AsyncStream<[String: String]>
    private let listening: Int32
    private let notifying: Int32
    private let source: any DispatchSourceRead

    var socket: String { directory + "/s" }
    var settings: String { directory + "/c.yaml" }
    var log: String { directory + "/log" }
    private var notifySocket: String { directory + "/n" }

    /// Runs `body` with a manager, whose socket listens already.
    static func running<R>(_ body: (ServiceManager) async throws -> R) async throws -> R {
        try await withTemporaryDirectory { directory in
            let manager = try await ServiceManager(directory)
            defer { manager.end() }
            return try await body(manager)
        }
    }

    private init(_ directory: String) async throws {
        self.directory = directory
        model = directory + "/m.chess"
        try await Self.makeModel(directory + "/m.chess", seedLayers: 1)
        listening = try boundSocket(SOCK_STREAM, directory + "/s")
        listen(listening, 16)
        notifying = try boundSocket(SOCK_DGRAM, directory + "/n")
        let (stream, heard) = AsyncStream<[String: String]>.makeStream()
        messages = stream
        let descriptor = notifying
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: .global())
        source.setEventHandler {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return }
            heard.yield(Self.assignments(String(decoding: bytes.prefix(count), as: UTF8.self)))
        }
        source.setCancelHandler { close(descriptor) }
        source.activate()
    }

    private func end() {
        source.cancel()
        close(listening)
    }

    /// - Parameter seedLayers: layers, by which two models differ.
    static func makeModel(_ path: String, seedLayers: Int) async throws {
        var model = SmallModel(.q8_0, layers: seedLayers)
        model.set("llama.context_length", .uint32(16384))
        try model.write(to: path + ".gguf")
        _ = try await Importer.run(
            source: path + ".gguf", target: path, compression: .none, overwrite: true, threads: 1,
            importer: "test", progress: { _ in })
    }

    /// What the program is started with.
    enum HandOver: String {
        case socket = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\""
        case socketTwice = "exec 3<&0 4<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=2; exec \"$@\""
        case otherFile = "exec 3</dev/null </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\""
        /// A socket meant for another process.
        case strangers = "exec 3<&0 </dev/null; export LISTEN_PID=1 LISTEN_FDS=1; exec \"$@\""
        case nothing = "exec </dev/null \"$@\""
    }

    /// Starts the program as the manager of a socket unit does.
    ///
    /// - Parameters:
    ///   - arguments: those behind the model; with `--config` the settings file names it.
    ///   - handOver: a script, since only the program itself knows its number, which the variable must hold.
    ///   - extra: more variables.
    func start(
        _ arguments: [String] = [], handOver: HandOver = .socket, extra: [String: String] = [:]
    ) throws -> ChildProcess {
        var environment = extra
        environment["NOTIFY_SOCKET"] = notifySocket
        environment["PATH"] = "/usr/bin:/bin"
        let errors = creat(log, 0o600)
        defer { close(errors) }
        let named = arguments.contains("--config") ? arguments : ["--model", model] + arguments
        return try ChildProcess(
            ["/bin/sh", "-c", handOver.rawValue, "sh", Self.program] + named, environment: environment,
            input: listening, errors: errors)
    }

    /// The built program beside the tests.
    static var program: String {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return tests.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/chessd"
    }

    /// Reads messages up to the first in which `key` is `value`; `nil` when none comes.
    func hear(_ key: String, _ value: String) async -> [String: String]? {
        for await message in messages where message[key] == value { return message }
        return nil
    }

    /// Reads messages up to the first that sets `key`.
    func hear(_ key: String) async -> String? {
        for await message in messages { if let value = message[key] { return value } }
        return nil
    }

    func configure(_ text: String) throws { try Support.write(Array(text.utf8), to: settings) }

    func text(of path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    private static func assignments(_ text: String) -> [String: String] {
        let pairs = text.split(separator: "\n").map { line in
            let pair = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(pair[0]), String(pair.dropFirst().first ?? ""))
        }
        return Dictionary(pairs, uniquingKeysWith: { $1 })
    }
}
