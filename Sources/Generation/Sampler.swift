internal import Kernels
internal import Machine
internal import Tokenizer

/// Draws one token after another from logits, by the options of one request.
struct Sampler {
    private let options: SamplingOptions
    private let kernels: KernelSet
    private var random: RandomNumbers
    /// The last tokens of prompt and answer, oldest first; at most `penaltyWindow`.
    private var recent: [TokenID]
    /// How often each token was generated.
    private var counts: [TokenID: Int] = [:]

    /// Tokens that the repetition penalty looks back on.
    static let penaltyWindow = 64

    init(_ options: SamplingOptions, prompt: [TokenID], kernels: KernelSet) {
        self.options = options
        self.kernels = kernels
        var system = SystemRandomNumberGenerator()
        random = RandomNumbers(seed: options.seed ?? system.next())
        recent = Array(prompt.suffix(Self.penaltyWindow))
    }

    /// The next token. Changes `logits` in place where options call for it.
    mutating func next(_ logits: FloatSlice) -> TokenID {
        penalise(logits)
        let token = options.temperature <= 0 ? TokenID(kernels.argmax(logits)) : draw(logits)
        recent.append(token)
        if recent.count > Self.penaltyWindow { recent.removeFirst() }
        counts[token, default: 0] += 1
        return token
    }

    private func penalise(_ logits: FloatSlice) {
        let buffer = logits.buffer
        func change(_ token: TokenID, _ body: (Float) -> Float) {
            guard token >= 0, Int(token) < logits.count else { return }
            let index = logits.start + Int(token)
            buffer[index] = body(buffer[index])
        }
        if options.repetitionPenalty != 1 {
            let penalty = options.repetitionPenalty
            for token in Set(recent) { change(token) { $0 > 0 ? $0 / penalty : $0 * penalty } }
        }
        if options.frequencyPenalty != 0 || options.presencePenalty != 0 {
            for (token, count) in counts {
                change(token) { $0 - Float(count) * options.frequencyPenalty - options.presencePenalty }
            }
        }
        for (token, bias) in options.logitBias { change(token) { $0 + bias } }
    }

    private mutating func draw(_ logits: FloatSlice) -> TokenID {
        var candidates = candidates(logits)
        if options.topK > 0 || options.topP < 1 {
            candidates.sort { $0.logit != $1.logit ? $0.logit > $1.logit : $0.id < $1.id }
        }
        if options.topK > 0 && candidates.count > options.topK {
            candidates.removeLast(candidates.count - options.topK)
        }
        if options.topP < 1 { keepNucleus(&candidates) }
        return pick(candidates)
    }

    private struct Candidate {
        var id: TokenID
        var logit: Float
    }

    /// All tokens that could be drawn. Those less probable by 10⁻¹¹ (at temperature 1) than the best are left
    /// out: together they hold less than a millionth of the probability.
    private func candidates(_ logits: FloatSlice) -> [Candidate] {
        let best = logits.buffer[logits.start + kernels.argmax(logits)]
        var floor = best - 25 * max(1, options.temperature)
        if options.minP > 0 { floor = max(floor, best + Float(Self.logarithm(Double(options.minP)))) }
        return logits.buffer.withSpan(logits.start..<logits.start + logits.count) { values in
            var found: [Candidate] = []
            for index in values.indices where values[index] >= floor {
                found.append(Candidate(id: TokenID(index), logit: values[index]))
            }
            return found
        }
    }

    /// Drops the tail of sorted candidates beyond the probability `topP`; at least one stays.
    private func keepNucleus(_ candidates: inout [Candidate]) {
        guard let best = candidates.first?.logit else { return }
        let weights = candidates.map { Self.exponential(Double($0.logit - best)) }
        let target = weights.reduce(0, +) * Double(options.topP)
        var sum = 0.0
        for (index, weight) in weights.enumerated() {
            sum += weight
            if sum >= target {
                candidates.removeLast(candidates.count - index - 1)
                return
            }
        }
    }

    /// A candidate by its probability at the temperature; candidates are in a fixed order, so that the same
    /// random number always means the same token.
    private mutating func pick(_ candidates: [Candidate]) -> TokenID {
        let best = candidates.reduce(-Float.infinity) { max($0, $1.logit) }
        let weights = candidates.map { Self.exponential(Double(($0.logit - best) / options.temperature)) }
        var left = random.unit() * weights.reduce(0, +)
        for (candidate, weight) in zip(candidates, weights) {
            left -= weight
            if left < 0 { return candidate.id }
        }
        // All logits were NaN, or rounding left a rest: the last candidate, or a token that always exists.
        return candidates.last?.id ?? 0
    }
}
