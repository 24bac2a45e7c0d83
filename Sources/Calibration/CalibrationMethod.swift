/// How thresholds are found.
package enum CalibrationMethod: String, Sendable, CaseIterable {
    /// CHESS with attention: `|gate| >= sqrt(Q / E[up²])` per channel, and a magnitude per layer on the
    /// inputs of `q_proj` and `o_proj`. Source: He et al. 2024, arXiv 2409.01366.
    case chess
    /// CHESS on the feed-forward part alone.
    case chessFeedForward = "chess-ffn"
    /// The same with `Q / E|up|`, as the authors' code of 2025 has it.
    case chessL1 = "chess-l1"
    /// One magnitude per layer on the gate. Source: Lee et al. 2024, arXiv 2404.08763.
    case cats
    /// One magnitude per layer on the input of every matrix. Source: Liu et al. 2024, arXiv 2408.14690.
    case teal
    /// The bytes of `chess`, spread over sites and layers by what leaving them out costs.
    case tuned
    /// Keeps everything: for comparisons.
    case none
}

extension CalibrationMethod {
    /// How thresholds that the dense model's activations gave are brought to what they are meant to leave out.
    var settling: Settling? {
        switch self {
        case .chess: .layers(within: 0.02)
        // A rival stays as it was published as far as it keeps its word.
        case .teal: .sites(within: 0.035)
        default: nil
        }
    }
}

/// How far the share that a threshold leaves out may be from what was meant.
enum Settling: Sendable {
    /// In each layer alone.
    case layers(within: Double)
    /// In the mean over a site's layers, which all move together.
    case sites(within: Double)

    /// What to add to the share of each layer, of which so much more than meant is left out.
    func moves(_ excess: [Double]) -> [Double] {
        switch self {
        case .layers(let tolerance):
            return excess.map { min(max($0, -tolerance), tolerance) - $0 }
        case .sites(let tolerance):
            let mean = excess.reduce(0, +) / Double(max(excess.count, 1))
            return excess.map { _ in min(max(mean, -tolerance), tolerance) - mean }
        }
    }
}
