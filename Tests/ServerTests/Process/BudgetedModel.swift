import Foundation
import Importing
import Support
import Tensors
import Testing
import WeightStore

/// A small random model in a directory of its own, with all that a budget of memory can go wrong with.
struct BudgetedModel {
    let folder: String
    /// 4 MB, of which 1 MB less than all that can stay away does.
    var store: String { folder + "/m.chess" }
    var profile: String { folder + "/m.profile" }
    /// Of another model of the same sizes.
    var foreignProfile: String { folder + "/foreign.profile" }
    /// Letters, one token each.
    var text: String { folder + "/text" }

    /// Runs `body` with a copy of its own.
    static func with<R>(_ body: (BudgetedModel) async throws -> R) async throws -> R {
        let original = try await original.value
        return try await withTemporaryDirectory { folder in
            for name in try FileManager.default.contentsOfDirectory(atPath: original) {
                try FileManager.default.copyItem(atPath: "\(original)/\(name)", toPath: "\(folder)/\(name)")
            }
            return try await body(BudgetedModel(folder: folder))
        }
    }

    /// Made once, since it takes seconds, and removed when the tests end.
    private static let original = Task {
        atexit { try? FileManager.default.removeItem(atPath: BudgetedModel.originalFolder) }
        let made = BudgetedModel(folder: originalFolder)
        try FileManager.default.createDirectory(atPath: made.folder, withIntermediateDirectories: false)
        try await made.makeStore()
        try made.makeProfiles()
        var numbers = SplitMix64(seed: 5)
        try write((0..<2000).map { _ in UInt8.random(in: 97..<123, using: &numbers) }, to: made.text)
        return made.folder
    }

    private static let originalFolder = "/tmp/chessd-test-budget-\(ProcessInfo.processInfo.processIdentifier)"

    private func makeStore() async throws {
        var model = SmallModel(.q8_0, layers: 4, embedding: 256, feedForward: 1024)
        model.set("llama.context_length", .uint32(1024))
        let letters = (97..<123).map { String(decoding: [UInt8($0)], as: UTF8.self) }
        let tokens = letters + (0..<10).map { "\($0)" } + ["Ġ", "ab", "!!", "??"]
        model.set("tokenizer.ggml.tokens", .strings(tokens))
        model.set("tokenizer.ggml.merges", .strings(["a b"]))
        try model.write(to: store + ".gguf")
        _ = try await Importer.run(
            source: store + ".gguf", target: store, compression: .none, overwrite: false, threads: 2,
            importer: "test", progress: { _ in })
        try FileManager.default.removeItem(atPath: store + ".gguf")
    }

    private func makeProfiles() throws {
        let model = ProfiledModel(try StoreInspection(path: store).metadata)
        var profile = SparsityProfile(
            model: model, method: "chess", sparsity: 0.5,
            corpus: .init(name: "t.txt", sha256: "00", tokens: 512), createdAt: "2026-01-01T00:00:00Z",
            program: "test",
            sites: [
                .channels: (0..<model.layers).map { _ in
                    let limits = (0..<model.feedForward).map { $0 % 2 == 0 ? Float(0) : 1e30 }
                    return .init(limits: limits, target: 0.5, measured: 0.5)
                }
            ])
        try profile.write(to: self.profile, overwrite: false)
        profile.model.sourceSHA256 = String(repeating: "0", count: 64)
        try profile.write(to: foreignProfile, overwrite: false)
    }

    // MARK: Programs

    /// How a program ended, and what it said on standard error.
    struct End {
        var code: Int32?
        var errors: String
        var lines: [Substring] { errors.split(separator: "\n") }
    }

    /// Starts a program without input, and waits for its end.
    ///
    /// - Parameter shell: what the shell does before; it lends the program its process.
    func run(
        _ program: String, _ arguments: [String], shell: String = ""
    ) async throws -> End {
        let log = "/tmp/chessd-test-errors-\(UInt32.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let (input, output, errors) = (
            open("/dev/null", O_RDONLY), open("/dev/null", O_WRONLY), creat(log, 0o600)
        )
        defer { for descriptor in [input, output, errors] { close(descriptor) } }
        // Whatever the folders are called.
        let path =
            ServiceManager.program.split(separator: "/", omittingEmptySubsequences: false)
            .dropLast().joined(separator: "/") + "/\(program)"
        let child = try ChildProcess(
            ["/bin/sh", "-c", shell + "exec \"$@\"", "sh", path] + arguments,
            environment: ["PATH": "/usr/bin:/bin"], input: input, output: output, errors: errors)
        let code = await child.end()
        return End(code: code, errors: (try? String(contentsOfFile: log, encoding: .utf8)) ?? "")
    }

    /// Mebibytes without which a daemon with these options does not start, by its own words.
    func floor(_ options: [String]) async throws -> Int {
        let end = try await run(
            "chessd", ["--model", store, "--socket", folder + "/s", "--memory-budget", "1"] + options)
        return try Self.floor(in: end.errors)
    }

    static func floor(in message: String) throws -> Int {
        let words = message.split(separator: " ")
        let least = try #require(words.firstIndex(of: "least"), "\(message)")
        return try #require(Int(words[least + 1]))
    }

    /// The files of the folder and their bytes.
    func contents() throws -> [String: Data] {
        var found: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            found[name] = FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data()
        }
        return found
    }
}
