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

    /// Bytes that a token does not read of the head when only `candidates` rows of it are computed; 0 and `nil` are all.
    package func headBytesSaved(_ candidates: Int?) -> Int {
        guard let candidates, candidates > 0, let preview else { return 0 }
        return (output.rows - candidates) * output.rowBytes - preview.byteCount
    }

    /// Bytes of weights that a token read, on average over `counts`.
    package func bytesPerToken(_ counts: SiteCounts) -> Double {
        guard counts.tokens > 0 else { return Double(bytesPerToken) }
        var saved = Double(headBytesSaved(counts.headCandidates))
        if let headBounds {
            let unread = counts.boundedTokens * output.rows - counts.headRows
            let rough = counts.boundedTokens * headBounds.rows * headBounds.rowBytes
            saved += Double(unread * output.rowBytes - rough) / Double(counts.tokens)
        }
        for site in SparsitySite.allCases {
            for layer in layers.indices {
                saved += counts.leftOut(site, layer) * Double(channelBytes(site, layer))
            }
        }
        return Double(bytesPerToken) - saved
    }
}
