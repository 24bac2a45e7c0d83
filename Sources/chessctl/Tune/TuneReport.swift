/// What a tuning tells.
struct TuneReport: Encodable {
    /// The machine, as far as decoding feels it.
    struct Board: Encodable {
        var kernels: String
        var threads: Int
        var cores: Int
        var readBandwidthBytesPerSecond: Double
        /// Of the chosen profile while it decodes.
        var weightBytesPerSecond: Double
    }

    struct Dense: Encodable {
        var perplexity: Double
        var bytesPerToken: Double
        /// `nil` within a budget, where it is not measured.
        var tokensPerSecond: Double?
    }

    struct Candidate: Encodable {
        var method: String
        var sparsity: Double
        var absentFactor: Double
        var kl: Double?
        var perplexity: Double?
        var bytesPerToken: Double
        var tokensPerSecond: Double?
        var storageBytesPerToken: Double?
        /// `nil` where its quality was not measured.
        var isWithinBounds: Bool?
        var isChosen: Bool
    }

    var path: String
    var model: String
    var text: String
    var textSha256: String
    var calibrationTokens: Int
    var heldOutTokens: Int
    var context: Int
    var memoryBudgetBytes: Int?
    var bounds: String
    var maxKl: Double?
    var maxPerplexity: Double?
    var board: Board
    var dense: Dense
    var candidates: [Candidate]
    var seconds: Double

    var chosen: Candidate? { candidates.first(where: \.isChosen) }

    var table: String {
        func fixed(_ value: Double?, _ digits: Int) -> String {
            value.map { Readable.fixed($0, digits) } ?? ""
        }
        let isCached = candidates.contains { $0.storageBytesPerToken != nil }
        var table = TextTable(
            ["profile", "factor", "KL", "perplexity", "MB/token"] + (isCached ? ["from storage"] : [])
                + ["tokens/s", ""],
            rightAligned: isCached ? [1, 2, 3, 4, 5, 6] : [1, 2, 3, 4, 5])
        table.append(
            ["dense", "", "", fixed(dense.perplexity, 3), fixed(dense.bytesPerToken / 1e6, 1)]
                + (isCached ? [""] : []) + [fixed(dense.tokensPerSecond, 1), ""])
        for row in candidates {
            let mark = row.isChosen ? "<- chosen" : row.isWithinBounds == false ? "beyond" : ""
            table.append(
                [
                    "\(row.method) \(row.sparsity)", Figure.significant(row.absentFactor), fixed(row.kl, 4),
                    fixed(row.perplexity, 3), fixed(row.bytesPerToken / 1e6, 1),
                ] + (isCached ? [fixed(row.storageBytesPerToken.map { $0 / 1e6 }, 1)] : [])
                    + [fixed(row.tokensPerSecond, 1), mark])
        }
        var text = "\(model) -> \(path)\n" + boardText + "\n" + table.text
        text += "\n\(calibrationTokens) tokens of \(FileNames.last(self.text)) to calibrate with, "
        text += "\(heldOutTokens) held out, in windows of \(context), in \(Readable.fixed(seconds, 1)) s\n"
        if let advice { text += advice + "\n" }
        return text
    }

    /// The machine in one line, and what was asked for.
    var boardText: String {
        let memory = memoryBudgetBytes.map { ", within \(Readable.megabytes($0)) MB" } ?? ""
        return "\(board.kernels), \(board.threads) threads on \(board.cores) cores, memory reads "
            + "\(Readable.fixed(board.readBandwidthBytesPerSecond / 1e9, 1)) GB/s, the chosen profile "
            + "\(Readable.fixed(board.weightBytesPerSecond / 1e9, 1)) GB/s of weights; bound: \(bounds)\(memory)\n"
    }

    /// `nil` when there is nothing to warn of.
    private var advice: String? {
        guard let rate = chosen?.tokensPerSecond, let dense = dense.tokensPerSecond, rate <= dense else {
            return nil
        }
        return "decoding is no faster with it than dense here, which leaves nothing out"
    }
}
