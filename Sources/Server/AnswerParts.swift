internal import Generation
internal import WireAPI

/// Gathers the events of one prompt into its choice of a whole answer.
struct AnswerParts {
    /// The prompt as its client wrote it; `nil` when it came as tokens.
    let prompt: String?
    private var reader: AnswerReader
    private var text = ""
    private var reports: [TokenReport] = []
    /// Where the first report begins in the text; negative by what the tokenizer put in front of the prompt.
    private var offset = 0

    init(prompt: String?, reader: AnswerReader) {
        self.prompt = prompt
        self.reader = reader
    }

    /// Repeats the prompt at the start of the answer.
    mutating func echo(_ tokens: [PromptToken], withReports: Bool) {
        let spelled = tokens.map {
            TokenReport.Candidate(bytes: $0.bytes, logProbability: $0.logProbability.map(Double.init))
        }
        text = prompt ?? String(decoding: tokens.flatMap(\.bytes), as: UTF8.self)
        guard withReports else { return }
        let length = spelled.reduce(0) { $0 + $1.characterCount }
        offset = min(0, text.unicodeScalars.count - length)
        reports = zip(spelled, tokens).map { TokenReport(token: $0, alternatives: $1.alternatives) }
    }

    mutating func add(_ token: GeneratedToken, _ report: TokenReport?) {
        text += token.text
        if let report { reports.append(report) }
    }

    /// The choice, with reports in the endpoint's own shape where they are asked for.
    mutating func choice(
        ending summary: GenerationSummary, _ endpoint: AnswerShape.Endpoint, withReports: Bool
    ) -> AnswerShape.Choice {
        var (thought, said) = ("", "")
        var calls: [ToolCall] = []
        for part in reader.add(text + summary.trailingText) + reader.finish() {
            switch part {
            case .reasoning(let text): thought += text
            case .text(let text): said += text
            case .call(let call): calls.append(call)
            }
        }
        return AnswerShape.Choice(
            text: said, reasoning: thought, calls: calls,
            reason: summary.wireReason(withCalls: !calls.isEmpty),
            logProbabilities: withReports ? endpoint.logJSON(reports, offset: offset) : nil)
    }
}

extension TokenReport {
    init(token: Candidate, alternatives: [TokenProbability]) {
        self.init(
            token: token,
            alternatives: alternatives.map {
                .init(bytes: $0.bytes, logProbability: Double($0.logProbability))
            })
    }
}

extension AnswerShape.Endpoint {
    /// Log-probabilities in this endpoint's shape.
    func logJSON(_ reports: [TokenReport], offset: Int) -> JSONValue {
        switch self {
        case .chat: TokenReport.chatJSON(reports)
        case .completion: TokenReport.completionJSON(reports, offset: offset)
        }
    }
}

extension GenerationSummary {
    /// OpenAI's word for the reason. It has none for a daemon that stops: that answer was cut short.
    func wireReason(withCalls: Bool) -> String {
        reason != .stop ? "length" : withCalls ? "tool_calls" : "stop"
    }

    var usage: Usage {
        Usage(promptTokens: promptTokens, cachedTokens: cachedTokens, completionTokens: completionTokens)
    }

    var timings: Timings {
        Timings(
            promptTokens: promptTokens - cachedTokens, promptSeconds: prefillSeconds,
            completionTokens: completionTokens, completionSeconds: decodeSeconds,
            cancelled: reason == .cancelled)
    }

    /// Several generations as one: their counts and times added up.
    static func sum(_ summaries: [GenerationSummary]) -> GenerationSummary {
        var sum = GenerationSummary(
            reason: .stop, trailingText: "", promptTokens: 0, cachedTokens: 0, completionTokens: 0,
            prefillSeconds: 0, decodeSeconds: 0)
        for summary in summaries {
            if summary.reason == .cancelled { sum.reason = .cancelled }
            sum.promptTokens += summary.promptTokens
            sum.cachedTokens += summary.cachedTokens
            sum.completionTokens += summary.completionTokens
            sum.prefillSeconds += summary.prefillSeconds
            sum.decodeSeconds += summary.decodeSeconds
        }
        return sum
    }
}
