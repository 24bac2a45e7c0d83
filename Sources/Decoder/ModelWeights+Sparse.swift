internal import Kernels
package import WeightStore

extension ModelWeights {
    /// Bytes that leaving out one channel at `site` of `layer` saves; 0 where rows lie across channels.
    package func channelBytes(_ site: SparsitySite, _ layer: Int) -> Int {
        let layer = layers[layer]
        return switch site {
        case .queryInput: layer.query.channelBytes
        case .attentionOutput: layer.attentionOutput.channelBytes
        case .gateInput: layer.gate.channelBytes
        case .channels: layer.up.rowBytes + layer.down.channelBytes
        case .downInput: layer.down.channelBytes
        case .keyValueInput, .upInput: 0
        }
    }

    /// Bytes that a greedy token does not read of the head when only `candidates` rows of it are computed; 0 and `nil` are
    /// those that bounds leave, or all.
    package func headBytesSaved(_ candidates: Int?) -> Int {
        guard let candidates, candidates > 0, let preview else {
            return headBounds.map { boundedBytesSaved($0, tokens: 1, rows: output.rows / Self.typicalShare) }
                ?? 0
        }
        return (output.rows - candidates) * output.rowBytes - preview.byteCount
    }

    /// The part of the head's rows that bounds leave on average, of Qwen2.5-Coder and SmolLM2 about.
    private static let typicalShare = 200

    private func boundedBytesSaved(_ bounds: RoughMatrix, tokens: Int, rows: Int) -> Int {
        (tokens * output.rows - rows) * output.rowBytes - tokens * bounds.rows * bounds.rowBytes
    }

    /// Bytes of weights that a token read, on average over `counts`.
    package func bytesPerToken(_ counts: SiteCounts) -> Double {
        guard counts.tokens > 0 else { return Double(bytesPerToken) }
        var saved = counts.headCandidates == nil ? 0 : Double(headBytesSaved(counts.headCandidates))
        if let headBounds {
            let all = boundedBytesSaved(headBounds, tokens: counts.boundedTokens, rows: counts.headRows)
            saved += Double(all) / Double(counts.tokens)
        }
        return Double(bytesPerToken) - saved - bytesLeftOut(counts)
    }

    /// Bytes of weights that greedy decoding would have read for a token of `counts`, on average; dense without them.
    package func greedyBytesPerToken(_ counts: SiteCounts? = nil) -> Double {
        let saved = Double(headBytesSaved(counts?.headCandidates))
        return Double(bytesPerToken) - saved - (counts.map(bytesLeftOut) ?? 0)
    }

    /// Of layers, on average over `counts`. A hidden channel that is left out is one that `down` does not read either.
    private func bytesLeftOut(_ counts: SiteCounts) -> Double {
        layers.indices.reduce(0) { sum, layer in
            SparsitySite.allCases.reduce(sum) { sum, site in
                var channels = counts.leftOut(site, layer)
                if site == .downInput { channels = max(0, channels - counts.leftOut(.channels, layer)) }
                return sum + channels * Double(channelBytes(site, layer))
            }
        }
    }
}
