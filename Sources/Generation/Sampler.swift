internal import Decoder
internal import Kernels
internal import Machine
internal import Tokenizer

/// Logits of which some are upper bounds, and may be asked for exactly.
protocol RoughLogits {
    /// Those that are less may be bounds.
    var logitFloor: Float { get }
    /// Makes the logit of `token` exact.
    func refineLogit(of token: Int)
}

extension Decoder: RoughLogits {}

/// Draws one token after another from logits, by the options of one request.
struct Sampler {
    private let options: SamplingOptions
    private let kernels: KernelSet
    private var random: RandomNumbers
    /// The last tokens of prompt and answer, oldest first; at most `penaltyWindow`.
    private var recent: [TokenID]
    /// How often each token was generated.
    private var counts: [TokenID: Int] = [:]
    /// Where the likeliest tokens are marked.
    private var mask: KeepMask?
    /// Sums of what blocks of tokens weigh.
    private var weights: SharedBuffer<Double>?

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
    ///
    /// - Parameter rough: where those come from, as `SamplingOptions.reach` allows; without it all are exact.
    mutating func next(_ logits: FloatSlice, rough: (any RoughLogits)? = nil) -> TokenID {
        penalise(logits)
        let token =
            options.temperature <= 0
            ? TokenID(kernels.argmax(logits))
            : options.isCut ? draw(logits) : drawFromAll(logits, rough)
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

    /// A token by its probability at the temperature, of all.
    ///
    /// A bound makes its token likelier than it is: drawn, it is taken only as often as its exact logit says, and else another
    /// is drawn (rejection sampling, von Neumann 1951). Tokens are in the order of their numbers, so that the same random
    /// number always means the same one.
    private mutating func drawFromAll(_ logits: FloatSlice, _ rough: (any RoughLogits)?) -> TokenID {
        let best = logits.buffer[logits.start + kernels.argmax(logits)]
        // All logits were NaN: a token that always exists.
        guard !best.isNaN else { return 0 }
        let count = (logits.count + KernelSet.weightBlock - 1) / KernelSet.weightBlock
        let sums = weights ?? SharedBuffer(count: count)
        weights = sums
        let temperature = options.temperature
        kernels.sumWeights(
            logits, best: best, temperature: temperature, blocks: 0..<count, into: sums)
        while true {
            let token = pick(random.unit(), logits, best, sums)
            let bound = logits.buffer[logits.start + token]
            guard let rough, bound < rough.logitFloor else { return TokenID(token) }
            rough.refineLogit(of: token)
            let excess = Double((bound - logits.buffer[logits.start + token]) / temperature)
            if random.unit() < Self.exponential(-excess) { return TokenID(token) }
            let block = token / KernelSet.weightBlock
            kernels.sumWeights(
                logits, best: best, temperature: temperature, blocks: block..<block + 1, into: sums)
        }
    }

    /// The token where the sum of the weights up to it reaches that part of all which `unit` says.
    private func pick(
        _ unit: Double, _ logits: FloatSlice, _ best: Float, _ sums: SharedBuffer<Double>
    ) -> Int {
        var rest = unit * (0..<sums.count).reduce(0) { $0 + sums[$1] }
        var block = 0
        while block + 1 < sums.count, rest >= sums[block] {
            rest -= sums[block]
            block += 1
        }
        let first = block * KernelSet.weightBlock
        var last = first
        for token in first..<min(first + KernelSet.weightBlock, logits.count) {
            let logit = logits.buffer[logits.start + token]
            guard !logit.isNaN else { continue }
            last = token
            rest -= Self.exponential(Double((logit - best) / options.temperature))
            if rest < 0 { break }
        }
        return last
    }

    /// A token by its probability at the temperature, of those that top-k, min-p and top-p leave.
    ///
    /// Nearly always a few hundred of the likeliest decide: the others are counted by their sum and looked at only when
    /// these do not do. Candidates are in a fixed order, so that the same random number always means the same token.
    private mutating func draw(_ logits: FloatSlice) -> TokenID {
        let unit = random.unit()
        let temperature = options.temperature
        var logMass: Double?
        var wanted = options.topK > 0 ? options.topK : Self.fewCandidates
        while true {
            var (candidates, isAll) = largest(wanted, of: logits)
            // All logits were NaN: a token that always exists.
            guard let best = candidates.first?.logit else { return 0 }
            if options.topK > 0 {
                candidates.removeLast(max(candidates.count - options.topK, 0))
                isAll = true
            }
            if options.minP > 0 {
                let floor = best + Float(Self.logarithm(Double(options.minP)))
                if let end = candidates.firstIndex(where: { $0.logit < floor }) {
                    candidates.removeLast(candidates.count - end)
                    isAll = true
                }
            }
            // Of all that can still be drawn, in units of the likeliest.
            func mass(_ temperature: Float) -> Double {
                if isAll { return Self.mass(candidates, temperature) }
                // Top-p looks at probabilities before the temperature.
                let known = logMass ?? kernels.logSumExp(logits)
                logMass = known
                return Self.exponential(known - Double(best))
            }
            // What min-p will cut is no part of what top-p takes a share of.
            if options.topP < 1, isAll || options.minP <= 0,
                let end = Self.end(candidates, 1, reaching: Double(options.topP) * mass(1))
            {
                candidates.removeLast(candidates.count - end)
                isAll = true
            }
            if isAll {
                let end = Self.end(candidates, temperature, reaching: unit * mass(temperature))
                // Rounding may leave a rest.
                return candidates[(end ?? candidates.count) - 1].id
            }
            wanted = min(wanted * 8, logits.count)
        }
    }

    private struct Candidate {
        var id: TokenID
        var logit: Float
    }

    private static let fewCandidates = 256

    /// The `count` likeliest tokens or more, the likeliest first and the lowest among equals; and whether these are all
    /// that are numbers.
    private mutating func largest(
        _ count: Int, of logits: FloatSlice
    ) -> (candidates: [Candidate], isAll: Bool) {
        let mask = mask ?? KeepMask(count: logits.count)
        self.mask = mask
        let kept = kernels.keepLargest(min(count, logits.count), of: logits, into: mask)
        var candidates: [Candidate] = []
        candidates.reserveCapacity(kept)
        for word in 0..<mask.words.count {
            var bits = mask.words[word]
            while bits != 0 {
                let index = 32 * word + bits.trailingZeroBitCount
                bits &= bits - 1
                let logit = logits.buffer[logits.start + index]
                if !logit.isNaN { candidates.append(Candidate(id: TokenID(index), logit: logit)) }
            }
        }
        candidates.sort { $0.logit != $1.logit ? $0.logit > $1.logit : $0.id < $1.id }
        return (candidates, kept == logits.count)
    }

    /// Their weights together, in units of the first.
    private static func mass(_ candidates: [Candidate], _ temperature: Float) -> Double {
        candidates.reduce(0) { $0 + exponential(Double(($1.logit - candidates[0].logit) / temperature)) }
    }

    /// How many candidates it takes for their weights to reach `mass`, in units of the first; `nil` when all do not.
    private static func end(_ candidates: [Candidate], _ temperature: Float, reaching mass: Double) -> Int? {
        var sum = 0.0
        for (index, candidate) in candidates.enumerated() {
            sum += exponential(Double((candidate.logit - candidates[0].logit) / temperature))
            if sum >= mass { return index + 1 }
        }
        return nil
    }
}
