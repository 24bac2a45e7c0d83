import Kernels
import Machine
import Testing
import Tokenizer

@testable import Generation

@Suite struct SamplerTests {
    private let logits: [Float] = [0, 2, 1, 2, -1]

    private func draws(_ options: SamplingOptions, prompt: [TokenID] = [], count: Int = 1000) -> [TokenID] {
        var sampler = Sampler(options, prompt: prompt, kernels: .best)
        return (0..<count).map { _ in sampler.next(FloatSlice(SharedBuffer(logits))) }
    }

    private func shares(_ tokens: [TokenID]) -> [TokenID: Double] {
        var counts: [TokenID: Double] = [:]
        for token in tokens { counts[token, default: 0] += 1 / Double(tokens.count) }
        return counts
    }

    @Test func greedyTakesTheLowestOfEquals() {
        #expect(Set(draws(.greedy, count: 3)) == [1])
    }

    /// softmax([0, 2, 1, 2, -1]) = [0.053, 0.392, 0.144, 0.392, 0.020]
    @Test func plainSamplingFollowsTheSoftmax() {
        var options = SamplingOptions()
        options.temperature = 1
        options.seed = 7
        let found = shares(draws(options, count: 20_000))
        for (token, expected) in [(TokenID(0), 0.053), (1, 0.392), (2, 0.144), (3, 0.392), (4, 0.020)] {
            #expect(abs((found[token] ?? 0) - expected) < 0.012, "token \(token)")
        }
    }

    @Test func topKTopPAndMinPCutTheTail() {
        var options = SamplingOptions()
        options.temperature = 1
        options.seed = 1
        options.topK = 2
        #expect(Set(draws(options)) == [1, 3])
        options.topK = 0
        options.topP = 0.9
        #expect(Set(draws(options)) == [1, 2, 3])
        options.topP = 1
        options.minP = 0.3
        #expect(Set(draws(options)) == [1, 2, 3])
        options.minP = 0.5
        #expect(Set(draws(options)) == [1, 3])
    }

    /// Flat logits need many candidates, steep ones few: both must draw what sorting everything would.
    @Test(arguments: [Float(0.05), 0.6, 5])
    func drawsAreThoseOfTheWholeVocabularySorted(spread: Float) {
        var numbers = RandomNumbers(seed: 11)
        let logits = (0..<5000).map { _ in
            Float(numbers.unit() + numbers.unit() + numbers.unit() - 1.5) * 4 * spread
        }
        var cases: [SamplingOptions] = []
        for (topK, topP, minP) in [
            (0, Float(1), Float(0)), (0, 0.9, 0), (0, 0.9999, 0), (40, 1, 0), (700, 0.8, 0), (0, 1, 0.05),
            (0, 0.7, 0.01), (6000, 1, 0),
        ] {
            for temperature in [Float(0.3), 1, 1.7] {
                var options = SamplingOptions()
                (options.topK, options.topP, options.minP) = (topK, topP, minP)
                options.temperature = temperature
                options.seed = UInt64(cases.count)
                cases.append(options)
            }
        }
        let sorted = logits.indices.sorted { (logits[$0], -$0) > (logits[$1], -$1) }
        for options in cases {
            var sampler = Sampler(options, prompt: [], kernels: .best)
            var random = RandomNumbers(seed: options.seed ?? 0)
            for _ in 0..<20 {
                let unit = random.unit()
                let token = sampler.next(FloatSlice(SharedBuffer(logits)))
                // Sums of floats and of doubles part by a token now and then.
                let expected = [-1e-6, 0, 1e-6].map {
                    Self.drawn(logits, sorted, options, min(max(unit + $0, 0), 1))
                }
                #expect(expected.contains(token), "\(options): \(token), expected \(expected)")
            }
        }
    }

    /// What the number `unit` draws, by the definition.
    private static func drawn(
        _ logits: [Float], _ sorted: [Int], _ options: SamplingOptions, _ unit: Double
    ) -> TokenID {
        var left = left(logits, sorted, options)
        // Of all tokens it is drawn in the order of their numbers.
        if !options.isCut { left.sort() }
        let weights = left.map {
            Sampler.exponential(Double(logits[$0] - logits[sorted[0]]) / Double(options.temperature))
        }
        var rest = unit * weights.reduce(0, +)
        for (token, weight) in zip(left, weights) {
            rest -= weight
            if rest <= 0 { return TokenID(token) }
        }
        return TokenID(left[left.count - 1])
    }

    /// What top-k, min-p and top-p leave, by their definition.
    private static func left(_ logits: [Float], _ sorted: [Int], _ options: SamplingOptions) -> [Int] {
        var left = options.topK > 0 ? Array(sorted.prefix(options.topK)) : sorted
        func weight(_ token: Int) -> Double { Sampler.exponential(Double(logits[token] - logits[left[0]])) }
        left = left.filter { weight($0) >= Double(options.minP) }
        var sum = left.reduce(0) { $0 + weight($1) } * Double(options.topP)
        return left.filter { token in
            defer { sum -= weight(token) }
            return options.topP >= 1 || sum > 0
        }
    }

    @Test func aSeedRepeatsItsDraws() {
        var options = SamplingOptions()
        options.temperature = 1.5
        options.seed = 42
        #expect(draws(options) == draws(options))
        let first = draws(options)
        options.seed = 43
        #expect(draws(options) != first)
    }

    @Test func penaltiesAndBiasesMoveTheChoice() {
        var repetition = SamplingOptions.greedy
        repetition.repetitionPenalty = 3
        // 2 / 3 < 1: token 1 was seen in the prompt, token 3 was not.
        #expect(draws(repetition, prompt: [1], count: 1) == [3])
        var presence = SamplingOptions.greedy
        presence.presencePenalty = 5
        #expect(draws(presence, count: 4) == [1, 3, 2, 0])
        var bias = SamplingOptions.greedy
        bias.logitBias = [4: 10, 99: 50]
        #expect(draws(bias, count: 1) == [4])
    }

    /// Exact logits down to a floor, and bounds below it, as a decoder leaves them.
    private final class Bounds: RoughLogits {
        let exact: [Float]
        let logits: FloatSlice
        private(set) var logitFloor: Float
        private(set) var refined = 0
        private(set) var allRefined = 0

        private let rough: [Float]
        private let floor: Float

        init(_ exact: [Float], excess: [Float], reach: Float) {
            let floor = (exact.max() ?? 0) - reach
            (self.exact, self.floor, logitFloor) = (exact, floor, floor)
            rough = zip(exact, excess).map { $0 + $1 < floor ? $0 + $1 : $0 }
            logits = FloatSlice(SharedBuffer(rough))
        }

        /// As another step leaves them.
        func begin() {
            logitFloor = floor
            for token in rough.indices { logits.buffer[token] = rough[token] }
        }

        func refineLogit(of token: Int) {
            refined += 1
            logits.buffer[token] = exact[token]
        }

        func refineAllLogits() {
            allRefined += 1
            logitFloor = -.infinity
            for token in exact.indices { logits.buffer[token] = exact[token] }
        }
    }

    private static let vocabulary = 100
    private static let draws = 6000

    /// How far what was drawn is from the chances that these weights give, at most 1. Of a sample of this size the
    /// distance is about sqrt(vocabulary / draws / 2 pi) = 0.05.
    private func distance(_ found: [TokenID], _ weights: [Int: Double]) -> Double {
        let shares = shares(found)
        let mass = weights.values.reduce(0, +)
        return (0..<Self.vocabulary).reduce(0) {
            $0 + abs((shares[TokenID($1)] ?? 0) - (weights[$1] ?? 0) / mass) / 2
        }
    }

    /// Tails of bounds that hold far more than their tokens do.
    private func bounds(reach: Float) -> Bounds {
        var numbers = RandomNumbers(seed: 5)
        let exact = (0..<Self.vocabulary).map { _ in Float(numbers.unit() * 6) }
        return Bounds(exact, excess: exact.map { _ in Float(numbers.unit() * 3) }, reach: reach)
    }

    private static func options(
        temperature: Float = 0.7, topK: Int = 0, topP: Float = 1, minP: Float = 0
    ) -> SamplingOptions {
        var options = SamplingOptions()
        (options.temperature, options.topK, options.topP, options.minP) = (temperature, topK, topP, minP)
        options.seed = 3
        return options
    }

    private static let cuts = [
        options(), options(topP: 0.9), options(temperature: 1, topP: 0.6), options(topK: 40),
        options(temperature: 1.5, topK: 20, topP: 0.9), options(temperature: 2, minP: 0.2),
        options(minP: 0.05), options(minP: 0.01), options(temperature: 1, topP: 0.8, minP: 0.1),
        options(topK: 100, topP: 0.5, minP: 0.02),
    ]

    @Test(arguments: cuts, [Float(0), 0.5, 1, 3])
    func boundsDrawWhatExactLogitsDo(options: SamplingOptions, reach: Float) {
        var sampler = Sampler(options, prompt: [], kernels: .best)
        let bounds = bounds(reach: reach)
        let found = (0..<Self.draws).map { _ in
            bounds.begin()
            return sampler.next(bounds.logits, rough: bounds)
        }
        let exact = bounds.exact
        let left = Self.left(exact, exact.indices.sorted { exact[$0] > exact[$1] }, options)
        let weights = left.map { ($0, Sampler.exponential(Double(exact[$0] / options.temperature))) }
        #expect(distance(found, Dictionary(uniqueKeysWithValues: weights)) < 0.08)
        #expect(Set(found).isSubset(of: left.map { TokenID($0) }))
        // Without reach no more is known than the likeliest token.
        if !options.isCut || reach > 0 { #expect(bounds.allRefined < (options.isCut ? Self.draws : 1)) }
        if reach == 3, options.topP == 1 { #expect(bounds.allRefined < Self.draws / 4) }
    }

    @Test func cutsAreMadeByExactLogits() throws {
        let exact = bounds(reach: 0).exact
        let sorted = exact.indices.sorted { exact[$0] > exact[$1] }
        for minP in [Float(0.5), 0.2, 0.05] {
            let options = Self.options(temperature: 2, minP: minP)
            let floor = exact[sorted[0]] + Float(Sampler.logarithm(Double(minP)))
            let allowed = Set(sorted.filter { exact[$0] >= floor })
            var sampler = Sampler(options, prompt: [], kernels: .best)
            let reach = try #require(options.reach)
            for _ in 0..<300 {
                let bounds = bounds(reach: reach)
                let token = sampler.next(bounds.logits, rough: bounds)
                #expect(allowed.contains(Int(token)), "min-p \(minP)")
                #expect(bounds.refined < exact.count && bounds.allRefined == 0)
            }
        }
    }

    /// Penalties take tokens from above the floor to below it, and what is drawn must not depend on where that is.
    @Test(arguments: [Float(0), 0.5, 2, 4])
    func penaltiesOfBoundsAreThoseOfExactLogits(reach: Float) {
        var presence = SamplingOptions.greedy
        presence.presencePenalty = 2
        var repetition = SamplingOptions.greedy
        repetition.repetitionPenalty = 1.5
        var bias = SamplingOptions.greedy
        bias.frequencyPenalty = 0.3
        bias.logitBias = Dictionary(uniqueKeysWithValues: (0..<200).map { (TokenID($0), -4) })
        for options in [presence, repetition, bias] {
            var sampler = Sampler(options, prompt: [1, 2, 3], kernels: .best)
            var expected = Sampler(options, prompt: [1, 2, 3], kernels: .best)
            let bounds = bounds(reach: reach)
            for _ in 0..<60 {
                bounds.begin()
                let exact = FloatSlice(SharedBuffer(bounds.exact))
                #expect(sampler.next(bounds.logits, rough: bounds) == expected.next(exact))
            }
            #expect(bounds.allRefined < (reach == 4 ? 1 : 60))
        }
    }

    @Test func penalisedDrawsFollowTheExactLogits() {
        var options = Self.options(temperature: 1)
        options.repetitionPenalty = 1.3
        options.logitBias = [7: -1.5]
        let bounds = bounds(reach: 1.5)
        let found = (0..<Self.draws).map { seed in
            options.seed = UInt64(seed)
            var sampler = Sampler(options, prompt: Array(0..<40), kernels: .best)
            bounds.begin()
            return sampler.next(bounds.logits, rough: bounds)
        }
        let weights = bounds.exact.indices.map {
            let logit = bounds.exact[$0] / ($0 < 40 ? 1.3 : 1) - ($0 == 7 ? 1.5 : 0)
            return ($0, Sampler.exponential(Double(logit)))
        }
        #expect(distance(found, Dictionary(uniqueKeysWithValues: weights)) < 0.08)
        #expect(bounds.refined > 0 && bounds.allRefined == 0)
    }

    private struct Few: TokenFilter {
        var allowed: Set<TokenID>
        func allows(_ token: TokenID) -> Bool { allowed.contains(token) }
        func excluded() -> [TokenID] { (0..<TokenID(vocabulary)).filter { !allows($0) } }
    }

    /// Every so manieth token: of many the first draws find one, of few all must be looked through.
    @Test(arguments: [2, 7, 40], [Float(0), 1, 4])
    func filteredDrawsFollowTheChancesOfWhatIsAllowed(step: Int, reach: Float) {
        let filter = Few(allowed: Set(stride(from: 3, to: TokenID(Self.vocabulary), by: step)))
        let bounds = bounds(reach: reach)
        var sampler = Sampler(Self.options(temperature: 1), prompt: [], kernels: .best)
        var greedy = Sampler(.greedy, prompt: [], kernels: .best)
        let likeliest = filter.allowed.max { bounds.exact[Int($0)] < bounds.exact[Int($1)] }
        let found = (0..<Self.draws).compactMap { _ in
            bounds.begin()
            return sampler.next(bounds.logits, rough: bounds, allowedBy: filter)
        }
        let weights = filter.allowed.map { (Int($0), Sampler.exponential(Double(bounds.exact[Int($0)]))) }
        #expect(found.count == Self.draws && Set(found).isSubset(of: filter.allowed))
        #expect(distance(found, Dictionary(uniqueKeysWithValues: weights)) < 0.08)
        bounds.begin()
        #expect(greedy.next(bounds.logits, rough: bounds, allowedBy: filter) == likeliest)
    }

    @Test(arguments: cuts)
    func filteredDrawsAreAllowedBehindEveryCut(options: SamplingOptions) {
        let filter = Few(allowed: [5, 50, 95])
        var penalised = options
        penalised.repetitionPenalty = 1.2
        for options in [options, penalised] {
            var sampler = Sampler(options, prompt: [5], kernels: .best)
            for reach in [Float(0), 2, 10] {
                let bounds = bounds(reach: reach)
                let token = sampler.next(bounds.logits, rough: bounds, allowedBy: filter)
                #expect(token.map(filter.allows) == true)
            }
        }
    }

    /// Logits that are no numbers never draw what is allowed.
    @Test func filteredDrawsEndWhereLogitsAreNoNumbers() {
        var sampler = Sampler(.greedy, prompt: [], kernels: .best)
        let logits = FloatSlice(SharedBuffer([Float](repeating: .nan, count: Self.vocabulary)))
        let allButTheFirst = Few(allowed: Set(1..<TokenID(Self.vocabulary)))
        #expect(sampler.next(logits, allowedBy: allButTheFirst) == nil)
    }

    @Test func whereNothingIsAllowedThereIsNoToken() {
        for options in [SamplingOptions.greedy, Self.options(temperature: 1), Self.options(topP: 0.9)] {
            var sampler = Sampler(options, prompt: [], kernels: .best)
            let bounds = bounds(reach: 2)
            #expect(sampler.next(bounds.logits, rough: bounds, allowedBy: Few(allowed: [])) == nil)
        }
    }

    @Test func whatIsRaisedNeedsAllLogits() {
        #expect(SamplingOptions.greedy.reach == 0)
        var raised = SamplingOptions.greedy
        raised.logitBias = [5: 1]
        #expect(raised.reach == nil)
        var rewarded = SamplingOptions.greedy
        rewarded.presencePenalty = -1
        #expect(rewarded.reach == nil)
        rewarded.presencePenalty = 1
        #expect(rewarded.reach != nil)
    }

    @Test func logitsThatAreNotNumbersStillGiveAToken() {
        var options = SamplingOptions()
        options.temperature = 1
        options.topP = 0.5
        var sampler = Sampler(options, prompt: [], kernels: .best)
        let token = sampler.next(FloatSlice(SharedBuffer([Float](repeating: .nan, count: 5))))
        #expect((0..<5).contains(token))
    }

    @Test func logProbabilitiesAreOfTheSoftmax() {
        let chances = LogProbabilities(FloatSlice(SharedBuffer(logits)), kernels: .best)
        #expect(abs(chances(2) - -1.938) < 0.001)
        #expect(chances.best(3).map(\.id) == [1, 3, 2])
    }
}
