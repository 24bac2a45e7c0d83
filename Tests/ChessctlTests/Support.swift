import FoundationEssentials
import WeightStore

@testable import chessctl

/// A model of `layers` layers with 4, 4 and 8 channels.
func model(layers: Int, name: String = "tiny") throws -> ProfiledModel {
    // Its only own initialiser takes a store.
    let facts: [String: String] = ["name": name, "sourceSHA256": String(repeating: "ab", count: 32)]
    let numbers = ["layers": layers, "embedding": 4, "queries": 4, "feedForward": 8]
    let strings = try JSONEncoder().encode(facts)
    let counts = try JSONEncoder().encode(numbers)
    let joined = Data(strings.dropLast()) + Data(",".utf8) + Data(counts.dropFirst())
    return try JSONDecoder().decode(ProfiledModel.self, from: joined)
}

/// One limit per layer at the queries and one per channel at the hidden ones.
func profile(
    layers: Int, method: String = "chess", corpus: String = "corpus.txt", limit: Float = 0.0123,
    channelLimits: [Float] = [0, 10, 20, 30, 40, 50, 60, 70]
) throws -> SparsityProfile {
    SparsityProfile(
        model: try model(layers: layers), method: method, sparsity: 0.5,
        corpus: .init(name: corpus, sha256: "0123456789abcdef", tokens: 4242),
        createdAt: "2026-01-02T03:04:05Z", program: "chessctl 9.8.7",
        sites: [
            .queryInput: (0..<layers).map { _ in .init(limits: [limit], target: 0.317, measured: 0.123) },
            .channels: (0..<layers).map { _ in .init(limits: channelLimits, target: 0.5, measured: 0.456) },
        ])
}

func report(
    layers: Int = 3, modelName: String = "tiny", profiles: [Report.Profile]? = nil, eval: String? = nil,
    bench: String? = nil
) throws -> Report {
    try Report(
        model: ReportedModel(
            facts: try model(layers: layers, name: modelName), fileName: "tiny.chess", sourceName: "tiny.gguf"
        ),
        profiles: try profiles ?? [.init(name: "half", profile: try profile(layers: layers))],
        evaluation: try eval.map {
            try Evaluation(
                MeasurementReader(bytes: Array($0.utf8), path: "e.json", tool: "chessctl eval --json"))
        },
        benchmark: try bench.map {
            try Benchmark(
                MeasurementReader(bytes: Array($0.utf8), path: "b.json", tool: "chessctl bench --json"))
        },
        commands: MeasurementCommands(model: "my models/tiny.chess", profiles: ["half.profile"]))
}

/// As `chessctl eval --json` writes it, for a model of three layers.
let evaluation = """
    {"model": "tiny", "text": "/data/held.txt", "tokens": 512, "context": 256, "activations": "int16",
     "dense_perplexity": 43.0839, "dense_bytes_per_token": 96577380, "profiles": [
     {"name": "half", "method": "chess", "target": 0.5, "perplexity": 49.106, "kl": 0.22184, "kl_p99": 0.9859,
      "agreement": 0.7168, "bytes_per_token": 76937654.8,
      "sites": [{"site": "query-input", "sparsity": 0.2, "layers": [0.111, 0.222, 0.333]}]},
     {"name": "other", "method": "teal", "target": 0.4, "perplexity": 60, "kl": 0.5, "kl_p99": 2,
      "agreement": 0.6, "bytes_per_token": 76937654.8, "sites": []}]}
    """

/// As `chessctl bench --json` writes it.
let benchmark = """
    {"model": "tiny", "kernels": "neon", "threads": 4, "runs": 5, "decoded_tokens": 64,
     "bytes_per_token": 96577380, "decode_tokens_per_second": 18.92, "profiles": [
     {"name": "half", "method": "chess", "target": 0.5, "bytes_per_token": 77069583,
      "decode_tokens_per_second": 23.07, "speedup": 1.219}]}
    """
