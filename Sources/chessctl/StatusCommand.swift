internal import ArgumentParser
internal import WireAPI

/// `chessctl status`: what the daemon is doing.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows which model is loaded and what the daemon is doing.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await exitingOnError("status") {
            let client = connection.client
            let health = try await client.get("/health", timeout: .seconds(10))
            try Terminal.write(connection.json ? health.text + "\n" : Self.table(health, socket: client.path))
        }
    }

    /// The facts a person asks for first, one a line.
    static func table(_ health: JSONValue, socket: String) -> String {
        func int(_ value: JSONValue?) -> Int { value?.intValue ?? 0 }
        func rate(_ key: String) -> String {
            AnswerPrinter.fixed(health["last_speed"]?["\(key)_tokens_per_second"]?.doubleValue ?? 0, 1)
        }
        let (model, served) = (health["model"], health["served"])
        let megabytes = AnswerPrinter.fixed(Double(int(model?["weight_bytes"])) / 1e6, 1)
        let parameters = AnswerPrinter.fixed(Double(int(model?["parameters"])) / 1e6, 1)
        let rows =
            [
                (
                    "model",
                    "\(model?["id"]?.stringValue ?? "?") (\(model?["architecture"]?.stringValue ?? "?"))"
                ),
                ("size", "\(parameters) million parameters, \(megabytes) MB of weights"),
                ("context", "\(int(model?["context_length"])) tokens"),
                ("activity", health["activity"]?.stringValue ?? "?"),
                (
                    "queue",
                    "\(int(health["queue"]?["waiting"])) of \(int(health["queue"]?["capacity"])) waiting"
                ),
                (
                    "served",
                    "\(int(served?["requests"])) requests, \(int(served?["prompt_tokens"])) prompt "
                        + "tokens, \(int(served?["generated_tokens"])) generated"
                ),
                (
                    "last speed",
                    "prompt \(rate("prefill")), answer \(rate("decode")) tokens/s"
                ),
                (
                    "compute",
                    "\(int(health["threads"])) threads, kernels \(health["kernels"]?.stringValue ?? "?")"
                ),
            ] + memory(health) + [
                ("daemon", "chessd \(health["version"]?.stringValue ?? "?") on \(socket)")
            ]
        return rows.map { name, value in
            name + String(repeating: " ", count: 12 - name.count) + value + "\n"
        }.joined()
    }

    /// The budget and what is kept within it; nothing where all weights are in memory.
    private static func memory(_ health: JSONValue) -> [(String, String)] {
        guard let budget = health.count("memory", "budget_bytes") else { return [] }
        func megabytes(_ bytes: Int?) -> String { AnswerPrinter.fixed(Double(bytes ?? 0) / 1e6, 1) }
        let used = "\(megabytes(health.count("resident_bytes"))) of \(megabytes(budget)) MB"
        let shrunk = TopText.shrunk(health["memory"]?["cache_share"]?.doubleValue)
        return [("memory", used + (shrunk.map { ", cache \($0)" } ?? ""))]
    }
}
