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
    /// Makes all of them exact.
    func refineAllLogits()
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
    /// Logits of the present draw that are less may be bounds, but those of `lowered`, which only a penalty took below it.
    private var floor = -Float.infinity
    private var lowered: Set<TokenID> = []
    /// What the filter of the present draw is known not to allow.
    private var excluded: [TokenID] = []

    /// Tokens that the repetition penalty looks back on.
    static let penaltyWindow = 64
    /// Drawn tokens that a filter may refuse before the whole vocabulary is looked through.
    private static let fewRefusals = 3

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
        let token = first(logits, rough)
        remember(token)
        return token
    }

    /// The next token of those that `filter` allows; `nil` when it allows none.
    ///
    /// What it does not allow is drawn from no more, and another token is drawn: nearly always the first is allowed, so
    /// that the others need not be looked at.
    mutating func next(
        _ logits: FloatSlice, rough: (any RoughLogits)? = nil, allowedBy filter: some TokenFilter
    ) -> TokenID? {
        var token = first(logits, rough)
        var refusals = 0
        while !filter.allows(token) {
            refusals += 1
            guard refusals <= Self.fewRefusals + 1 else { return nil }
            excluded = refusals <= Self.fewRefusals ? excluded + [token] : filter.excluded()
            exclude(logits)
            token = draw(logits, rough)
        }
        remember(token)
        return token
    }

    private mutating func first(_ logits: FloatSlice, _ rough: (any RoughLogits)?) -> TokenID {
        floor = rough?.logitFloor ?? -.infinity
        excluded = []
        penalise(logits)
        return draw(logits, rough)
    }

    private mutating func remember(_ token: TokenID) {
        recent.append(token)
        if recent.count > Self.penaltyWindow { recent.removeFirst() }
        counts[token, default: 0] += 1
    }

    private mutating func draw(_ logits: FloatSlice, _ rough: (any RoughLogits)?) -> TokenID {
        options.temperature <= 0
            ? likeliest(logits, rough)
            : options.isCut ? drawFromCut(logits, rough) : drawFromAll(logits, rough)
    }

    private func exclude(_ logits: FloatSlice) {
        for token in excluded where token < logits.count { logits[Int(token)] = -.infinity }
    }

    private mutating func penalise(_ logits: FloatSlice) {
        lowered = []
        guard options.isPenalised else { return }
        for token in Set(recent).union(counts.keys).union(options.logitBias.keys) {
            guard token >= 0, Int(token) < logits.count else { continue }
            let before = logits[Int(token)]
            let after = penalised(before, of: token)
            logits[Int(token)] = after
            if before >= floor, after < floor { lowered.insert(token) }
        }
    }

    /// Grows with `logit`: what penalties leave of a bound is one.
    private func penalised(_ logit: Float, of token: TokenID) -> Float {
        var logit = logit
        if options.repetitionPenalty != 1, recent.contains(token) {
            logit = logit > 0 ? logit / options.repetitionPenalty : logit * options.repetitionPenalty
        }
        if let count = counts[token] {
            logit -= Float(count) * options.frequencyPenalty + options.presencePenalty
        }
        return logit + (options.logitBias[token] ?? 0)
    }

    private func isBound(_ token: Int, _ logits: FloatSlice) -> Bool {
        logits[token] < floor && logits[token] > -.infinity && !lowered.contains(TokenID(token))
    }

    private func refine(_ token: Int, _ logits: FloatSlice, _ rough: any RoughLogits) {
        rough.refineLogit(of: token)
        if options.isPenalised { logits[token] = penalised(logits[token], of: TokenID(token)) }
    }

    private mutating func refineAll(_ logits: FloatSlice, _ rough: any RoughLogits) {
        rough.refineAllLogits()
        floor = -.infinity
        penalise(logits)
        exclude(logits)
    }

    private mutating func likeliest(_ logits: FloatSlice, _ rough: (any RoughLogits)?) -> TokenID {
        let token = kernels.argmax(logits)
        guard let rough, isBound(token, logits) else { return TokenID(token) }
        // Penalties took all others below what is exact.
        refineAll(logits, rough)
        return TokenID(kernels.argmax(logits))
    }

    /// A token by its probability at the temperature, of all.
    ///
    /// A bound makes its token likelier than it is: drawn, it is taken only as often as its exact logit says, and else another
    /// is drawn (rejection sampling, von Neumann 1951). Tokens are in the order of their numbers, so that the same random
    /// number always means the same one.
    private mutating func drawFromAll(_ logits: FloatSlice, _ rough: (any RoughLogits)?) -> TokenID {
        let best = logits[kernels.argmax(logits)]
        // No logit is a number: a token that always exists.
        guard best > -.infinity else { return 0 }
        let count = (logits.count + KernelSet.weightBlock - 1) / KernelSet.weightBlock
        let sums = weights ?? SharedBuffer(count: count)
        weights = sums
        let temperature = options.temperature
        kernels.sumWeights(
            logits, best: best, temperature: temperature, blocks: 0..<count, into: sums)
        while true {
            let token = pick(random.unit(), logits, best, sums)
            guard let rough, isBound(token, logits) else { return TokenID(token) }
            let bound = logits[token]
            refine(token, logits, rough)
            let excess = Double((bound - logits[token]) / temperature)
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
            let logit = logits[token]
            guard !logit.isNaN else { continue }
            last = token
            rest -= Self.exponential(Double((logit - best) / options.temperature))
            if rest < 0 { break }
        }
        return last
    }

    /// A token by its probability at the temperature, of those that top-k, min-p and top-p leave.
    ///
    /// Where some logits are bounds, it is drawn from all tokens that may be left, and taken if it surely is. Seldom that
    /// depends on logits that are not known: then all become exact, and it is taken if it is left, or another is drawn.
    private mutating func drawFromCut(_ logits: FloatSlice, _ rough: (any RoughLogits)?) -> TokenID {
        var cut = cut(logits)
        guard let rough, floor > -.infinity else { return draw(from: cut) }
        let token = cut.isClosed ? draw(from: cut) : drawFromAll(logits, rough)
        if cut.candidates.prefix(cut.sure).contains(where: { $0.id == token }) { return token }
        refineAll(logits, rough)
        cut = self.cut(logits)
        return cut.candidates.contains { $0.id == token } ? token : draw(from: cut)
    }

    private mutating func draw(from cut: Cut) -> TokenID {
        // No logit is a number: a token that always exists.
        cut.pick(random.unit(), options.temperature)?.id ?? 0
    }

    /// Nearly always a few hundred of the likeliest decide: the others are counted by their sum and looked at only when
    /// these do not do.
    private mutating func cut(_ logits: FloatSlice) -> Cut {
        var wanted = options.topK > 0 ? options.topK : Self.fewCandidates
        var all: Cut.Mass?
        while true {
            var (cut, isLast) = likeliest(wanted, of: logits)
            guard let best = cut.best else { return cut }
            cut.keepLikeliest(options.topK)
            if options.minP > 0 {
                let least = best + Float(Self.logarithm(Double(options.minP)))
                cut.keep(from: least, isLast: isLast && least >= floor)
            }
            // What min-p will cut is no part of what top-p takes a share of.
            if options.topP < 1, cut.isClosed || isLast || options.minP <= 0 {
                let known = cut.isClosed ? nil : mass(of: cut, logits, best, &all)
                cut.keepShare(options.topP, of: known)
            }
            if cut.isClosed || isLast || cut.sure < cut.candidates.count { return cut }
            wanted = min(wanted * 8, logits.count)
        }
    }

    /// What the candidates of a cut that is not closed weigh, and the tokens that may be left besides.
    ///
    /// - Parameter all: of all tokens, once it is known.
    private func mass(of cut: Cut, _ logits: FloatSlice, _ best: Float, _ all: inout Cut.Mass?) -> Cut.Mass {
        if options.topK > 0 {
            let known = cut.mass(1)
            let others = Double(options.topK - cut.candidates.count)
            return Cut.Mass(least: known, most: known + others * Self.exponential(Double(floor - best)))
        }
        if let all { return all }
        let most = Self.exponential(kernels.logSumExp(logits) - Double(best))
        var least = most
        if floor > -.infinity, let mask {
            kernels.keep(logits, from: floor, into: mask)
            least = 0
            mask.forEachKept { least += Self.exponential(Double(logits[$0] - best)) }
        }
        all = Cut.Mass(least: least, most: most)
        return Cut.Mass(least: least, most: most)
    }

    private static let fewCandidates = 256

    /// The `count` likeliest tokens or more of those whose logits are known; and whether these are all.
    private mutating func likeliest(_ count: Int, of logits: FloatSlice) -> (cut: Cut, isLast: Bool) {
        let mask = mask ?? KeepMask(count: logits.count)
        self.mask = mask
        let kept = kernels.keepLargest(min(count, logits.count), of: logits, into: mask)
        var candidates: [Cut.Candidate] = []
        candidates.reserveCapacity(kept)
        var hasBounds = false
        mask.forEachKept { index in
            let logit = logits[index]
            if logit < floor {
                hasBounds = true
            } else if logit > -.infinity {
                candidates.append(Cut.Candidate(id: TokenID(index), logit: logit))
            }
        }
        candidates.sort { $0.logit != $1.logit ? $0.logit > $1.logit : $0.id < $1.id }
        let isAll = kept == logits.count
        return (Cut(candidates, isClosed: isAll && !hasBounds), isAll || hasBounds)
    }
}
