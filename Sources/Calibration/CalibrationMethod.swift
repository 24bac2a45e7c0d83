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
