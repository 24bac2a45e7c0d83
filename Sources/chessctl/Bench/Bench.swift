internal import Decoder
internal import Kernels
internal import Machine
internal import WeightStore

/// Times a decoder on a fixed prompt of arbitrary tokens.
struct Bench {
    private let decoder: Decoder
    private let prompt: [Int32]
    private let tokens: Int

    init(_ decoder: Decoder, prompt: Int, tokens: Int) {
        self.decoder = decoder
        self.tokens = tokens
        // Speed does not depend on which tokens these are; a linear congruence spreads them.
        let vocabulary = decoder.parameters.vocabulary
        self.prompt = (0..<prompt).map { Int32(($0 * 7919 + 104_729) % vocabulary) }
    }

    /// Touches every page once; returns the peak of resident memory after it, in bytes.
    func warmUp() -> Int {
        _ = decoder.prefill(prompt, at: 0)
        decoder.step(prompt[0], at: prompt.count)
        return ProcessFacts.peakResidentBytes
    }

    func measure(runs: Int, threads: Int, peakResidentBytes: Int) -> BenchResult {
        let bandwidth = ReadBandwidth(byteCount: 256 << 20, threads: threads)
        var prefill: [Double] = []
        var decode: [Double] = []
        var read: [Double] = []
        for _ in 0..<runs {
            read.append(bandwidth.measure())
            prefill.append(Double(prompt.count) / seconds { _ = decoder.prefill(prompt, at: 0) })
            decode.append(
                Double(tokens)
                    / seconds {
                        for index in 0..<tokens {
                            decoder.step(prompt[index % prompt.count], at: prompt.count + index)
                        }
                    })
        }
        let bytes = decoder.weights.bytesPerToken
        let rate = median(decode)
        let ceiling = median(read)
        return BenchResult(
            model: decoder.parameters.name, kernels: decoder.kernels.name, threads: threads,
            promptTokens: prompt.count, decodedTokens: tokens, runs: runs,
            prefillTokensPerSecond: median(prefill), decodeTokensPerSecond: rate, bytesPerToken: bytes,
            weightBytesPerSecond: rate * Double(bytes), readBandwidthBytesPerSecond: ceiling,
            rooflineShare: rate * Double(bytes) / ceiling, peakResidentBytes: peakResidentBytes)
    }

    private func seconds(_ body: () -> Void) -> Double {
        let begin = ProcessFacts.monotonicNanoseconds
        body()
        return Double(ProcessFacts.monotonicNanoseconds - begin) * 1e-9
    }

    private func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

/// What a benchmark found; medians of its runs.
struct BenchResult: Encodable {
    var model: String
    var kernels: String
    var threads: Int
    var promptTokens: Int
    var decodedTokens: Int
    var runs: Int
    var prefillTokensPerSecond: Double
    var decodeTokensPerSecond: Double
    /// Weights that one decoded token reads, without the KV cache.
    var bytesPerToken: Int
    var weightBytesPerSecond: Double
    var readBandwidthBytesPerSecond: Double
    /// Weight bytes per second over the bandwidth.
    var rooflineShare: Double
    /// Before the bandwidth was measured, whose buffer would count.
    var peakResidentBytes: Int

    private enum CodingKeys: String, CodingKey {
        case model, kernels, threads, runs
        case promptTokens = "prompt_tokens"
        case decodedTokens = "decoded_tokens"
        case prefillTokensPerSecond = "prefill_tokens_per_second"
        case decodeTokensPerSecond = "decode_tokens_per_second"
        case bytesPerToken = "bytes_per_token"
        case weightBytesPerSecond = "weight_bytes_per_second"
        case readBandwidthBytesPerSecond = "read_bandwidth_bytes_per_second"
        case rooflineShare = "roofline_share"
        case peakResidentBytes = "peak_rss_bytes"
    }

    /// For people.
    var table: String {
        func fixed(_ value: Double, _ digits: Int) -> String {
            var scale = 1.0
            for _ in 0..<digits { scale *= 10 }
            let whole = Int((value * scale).rounded())
            guard digits > 0 else { return "\(whole)" }
            let fraction = String(whole % Int(scale))
            return "\(whole / Int(scale))." + String(repeating: "0", count: digits - fraction.count)
                + fraction
        }
        return """
            model             \(model)
            kernels           \(kernels), \(threads) threads
            prefill           \(fixed(prefillTokensPerSecond, 1)) tokens/s (\(promptTokens) tokens, median of \(runs))
            decode            \(fixed(decodeTokensPerSecond, 1)) tokens/s (\(decodedTokens) tokens, median of \(runs))
            bytes per token   \(fixed(Double(bytesPerToken) / 1e6, 1)) MB of weights
            weights read      \(fixed(weightBytesPerSecond / 1e9, 1)) GB/s
            read bandwidth    \(fixed(readBandwidthBytesPerSecond / 1e9, 1)) GB/s of this machine
            roofline share    \(fixed(rooflineShare * 100, 0)) %
            peak memory       \(fixed(Double(peakResidentBytes) / 1e6, 0)) MB resident
            """
    }
}
