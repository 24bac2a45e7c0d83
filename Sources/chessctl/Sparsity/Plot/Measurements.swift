/// What `chessctl eval --json` wrote.
struct Evaluation: Equatable {
    struct Profile: Equatable {
        var label: MeasuredProfile
        var perplexity: Double
        var divergence: Double
        var highDivergence: Double
        var agreement: Double
        var bytesPerToken: Double
        /// Share left out of each layer, by the name of the site.
        var layers: [String: [Double]]
    }

    /// Of the file.
    var path: String
    var model: String
    /// Of the text and how it was used, for people.
    var conditions: String
    var densePerplexity: Double
    var denseBytesPerToken: Double
    var profiles: [Profile]

    init(path: String) throws {
        try self.init(MeasurementReader(path: path, tool: "chessctl eval --json"))
    }

    init(_ reader: MeasurementReader) throws(ModelToolError) {
        path = reader.path
        model = try reader.text("model")
        let (tokens, context) = (try reader.count("tokens"), try reader.count("context"))
        conditions =
            "\(tokens) tokens of \(FileNames.last(try reader.text("text"))) in windows of \(context), activations "
            + (try reader.text("activations"))
        densePerplexity = try reader.number("dense_perplexity", 0...1e12)
        denseBytesPerToken = try reader.number("dense_bytes_per_token", 1...1e15)
        profiles = try reader.list("profiles").map { (entry) throws(ModelToolError) in
            var layers: [String: [Double]] = [:]
            for site in try entry.list("sites") {
                layers[try site.text("site")] = try site.numbers("layers", 0...1)
            }
            return Profile(
                label: try MeasuredProfile(entry), perplexity: try entry.number("perplexity", 0...1e12),
                divergence: try entry.number("kl", -1e-3...1e6),
                highDivergence: try entry.number("kl_p99", -1e-3...1e6),
                agreement: try entry.number("agreement", 0...1),
                bytesPerToken: try entry.number("bytes_per_token", 1...1e15), layers: layers)
        }
    }
}

/// What `chessctl bench --json` wrote.
struct Benchmark: Equatable {
    struct Profile: Equatable {
        var label: MeasuredProfile
        var tokensPerSecond: Double
        var speedup: Double
        var bytesPerToken: Double
    }

    /// Of the file.
    var path: String
    var model: String
    /// Of the machine and the runs, for people.
    var conditions: String
    var denseTokensPerSecond: Double
    var denseBytesPerToken: Double
    var profiles: [Profile]

    init(path: String) throws {
        try self.init(MeasurementReader(path: path, tool: "chessctl bench --json"))
    }

    init(_ reader: MeasurementReader) throws(ModelToolError) {
        path = reader.path
        model = try reader.text("model")
        let (threads, runs) = (try reader.count("threads"), try reader.count("runs"))
        conditions =
            "\(try reader.count("decoded_tokens")) tokens, \(runs == 1 ? "one run" : "median of \(runs) runs"), "
            + "\(threads) \(threads == 1 ? "thread" : "threads"), "
            + "\(try reader.text("kernels")) kernels"
        denseTokensPerSecond = try reader.number("decode_tokens_per_second", 1e-6...1e9)
        denseBytesPerToken = try reader.number("bytes_per_token", 1...1e15)
        profiles = try reader.list("profiles").map { (entry) throws(ModelToolError) in
            Profile(
                label: try MeasuredProfile(entry),
                tokensPerSecond: try entry.number("decode_tokens_per_second", 1e-6...1e9),
                speedup: try entry.number("speedup", 0...1e9),
                bytesPerToken: try entry.number("bytes_per_token", 1...1e15))
        }
    }
}

/// How a measurement names a profile.
struct MeasuredProfile: Equatable {
    var name: String
    var method: String
    var sparsity: Double

    init(name: String, method: String, sparsity: Double) {
        self.name = name
        self.method = method
        self.sparsity = sparsity
    }

    init(_ reader: MeasurementReader) throws(ModelToolError) {
        name = try reader.text("name")
        method = try reader.text("method")
        sparsity = try reader.number("target", 0...1)
    }
}
