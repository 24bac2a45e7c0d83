internal import Decoder
internal import Kernels
internal import Machine
package import WeightStore

/// What the paper's methods make their rules of, whatever the sparsity.
struct PaperStatistics: Sendable {
    let method: CalibrationMethod
    let inputs: [ObservedActivation: [QuantileCurve]]
    /// Of gates times `weights`, one per layer.
    let scores: [QuantileCurve]
    let weights: [SharedBuffer<Float>]
}

/// Profiles of many sparsities from one text; what they share is computed once, when it is first needed.
package final class ProfileSeries {
    private let calibrator: Calibrator
    private let model: ProfiledModel
    private let program: String
    private var statistics: [CalibrationMethod: PaperStatistics] = [:]

    package init(_ calibrator: Calibrator, model: ProfiledModel, program: String) {
        self.calibrator = calibrator
        self.model = model
        self.program = program
    }

    /// - Throws: `sparsityOutOfRange`.
    /// - Cost: for the methods of the paper what their statistics cost, once for each method, and then a pass over
    ///   `measuredTokens` of it; for the others what `Calibrator.profile` costs.
    package func profile(
        _ request: CalibrationRequest, measuredTokens: Int = 1024
    ) throws(CalibrationError) -> SparsityProfile {
        guard [.chess, .chessFeedForward, .chessL1].contains(request.method) else {
            return try calibrator.profile(request, model: model, program: program)
        }
        try request.check()
        let found = statistics[request.method] ?? calibrator.paperStatistics(request.method)
        statistics[request.method] = found
        var profile = calibrator.empty(request, model: model, program: program)
        profile.sites = calibrator.paper(
            request.method, request.sparsity, inputs: found.inputs, scores: found.scores, found.weights)
        calibrator.finish(&profile, request.method, tokens: measuredTokens)
        return profile
    }
}
