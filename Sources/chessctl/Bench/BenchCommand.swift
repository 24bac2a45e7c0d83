internal import ArgumentParser
internal import Decoder
internal import FoundationEssentials
internal import Kernels
internal import Machine
internal import WeightStore

/// Measures how fast a model runs here, beside what the memory would allow.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure prefill and decode speed of a model on this machine.",
        discussion: """
            Decoding reads every weight once per token, so memory bandwidth is its ceiling; the share of the \
            roofline says how close it comes. Runs alternate with measurements of the bandwidth, and medians \
            are printed, since machines are noisy.

              chessctl bench models/NAME.chess --threads 2
              chessctl bench models/NAME.chess --json | jq .decode_tokens_per_second
            """)

    @Argument(help: "The model, a .chess file.", completion: .file(extensions: ["chess"]))
    var model: String

    @Option(help: "Worker threads. Default: one per processor.")
    var threads: Int?

    @Option(help: "Instruction set of the kernels. Default: the best this processor has.")
    var kernels: String?

    @Option(help: "Tokens of the prompt whose evaluation is timed.")
    var prompt: Int = 128

    @Option(help: "Tokens decoded in each run.")
    var tokens: Int = 64

    @Option(help: "How often everything is measured; medians are printed.")
    var runs: Int = 5

    @Option(help: "Where weights live: auto, mapped or resident; see chessd --help.")
    var weights: Residency = .automatic

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        for (name, value, limit) in [
            ("--threads", threads ?? 1, 256), ("--prompt", prompt, 100_000), ("--tokens", tokens, 100_000),
            ("--runs", runs, 1000),
        ] where value < 1 || value > limit {
            throw ValidationError("\(name) is \(value), it must be from 1 to \(limit)")
        }
        if let kernels, KernelSet(named: kernels) == nil {
            let available = KernelSet.available.map(\.name).joined(separator: ", ")
            throw ValidationError("--kernels \(kernels): not on this processor; it has \(available)")
        }
    }

    func run() throws {
        let threads = threads ?? Cores.recommendedThreads
        let set = kernels.flatMap { KernelSet(named: $0) } ?? .best
        let store = try WeightStore(path: model, threads: threads, residency: weights)
        let context = prompt + tokens + 1
        let decoder = try Decoder(store: store, kernels: set, context: context, threads: threads)
        let bench = Bench(decoder, prompt: prompt, tokens: tokens)
        let peak = bench.warmUp()
        let result = bench.measure(runs: runs, threads: threads, peakResidentBytes: peak)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(result), as: UTF8.self))
        } else {
            print(result.table)
        }
    }
}
