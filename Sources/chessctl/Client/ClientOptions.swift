internal import ArgumentParser
internal import FoundationEssentials
internal import WireAPI

/// Where the daemon is and how to print what it says.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's socket. (default: $CHESSD_SOCKET, else /run/chessd/chessd.sock)", valueName: "path")
    )
    var socket: String?

    @Flag(help: "Print what the daemon sends as JSON, one object a line.")
    var json = false

    var client: SocketClient {
        let variable = ProcessInfo.processInfo.environment["CHESSD_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        return SocketClient(path: socket ?? variable ?? "/run/chessd/chessd.sock")
    }
}

/// How the answer is to be made. What is not given, the daemon decides; the daemon also checks the ranges.
struct AnswerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("0 always takes the most probable word, 2 is wild.", valueName: "0...2"))
    var temperature: Double?
    @Option(help: ArgumentHelp("The most tokens to answer with.", valueName: "count"))
    var maxTokens: Int?
    @Option(help: ArgumentHelp("The same seed gives the same answer.", valueName: "number"))
    var seed: Int?
    @Option(help: ArgumentHelp("Ends the answer before this text; may be repeated.", valueName: "text"))
    var stop: [String] = []
    @Option(
        help: ArgumentHelp(
            "A sparsity profile the daemon was given, or \"dense\"; its own choice by default.",
            valueName: "name"))
    var sparsity: String?
    @Flag(help: "Wait for the whole answer.")
    var noStream = false
    @Flag(help: "Say on standard error how fast it went.")
    var timings = false

    /// The request's fields.
    func apply(to request: inout JSONObject) {
        if let temperature { request["temperature"] = .double(temperature) }
        if let maxTokens { request["max_tokens"] = .int(maxTokens) }
        if let seed { request["seed"] = .int(seed) }
        if let sparsity { request["sparsity"] = .string(sparsity) }
        if !stop.isEmpty { request["stop"] = .array(stop.map { .string($0) }) }
        if !noStream {
            request["stream"] = true
        }
    }
}
