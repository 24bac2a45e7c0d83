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
        var left = options.topK > 0 ? Array(sorted.prefix(options.topK)) : sorted
        let best = Double(logits[left[0]])
        func weight(_ token: Int, _ temperature: Float) -> Double {
            Sampler.exponential((Double(logits[token]) - best) / Double(temperature))
        }
        left = left.filter { weight($0, 1) >= Double(options.minP) }
        var sum = left.reduce(0) { $0 + weight($1, 1) } * Double(options.topP)
        var nucleus: [Int] = []
        for token in left where options.topP >= 1 || sum > 0 {
            nucleus.append(token)
            sum -= weight(token, 1)
        }
        // Of all tokens it is drawn in the order of their numbers.
        if !options.isCut { nucleus.sort() }
        var rest = unit * nucleus.reduce(0) { $0 + weight($1, options.temperature) }
        for token in nucleus {
            rest -= weight(token, options.temperature)
            if rest <= 0 { return TokenID(token) }
        }
        return TokenID(nucleus[nucleus.count - 1])
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
        let logitFloor: Float
        private(set) var refined = 0

        init(_ exact: [Float], excess: [Float], reach: Float) {
            self.exact = exact
            logitFloor = (exact.max() ?? 0) - reach
            let floor = logitFloor
            let values = zip(exact, excess).map { $0 + $1 < floor ? $0 + $1 : $0 }
            logits = FloatSlice(SharedBuffer(values))
        }

        func refineLogit(of token: Int) {
            refined += 1
            logits.buffer[token] = exact[token]
        }
    }

    /// Tails of bounds that hold far more than their tokens do.
    private func bounds(reach: Float) -> Bounds {
        var numbers = RandomNumbers(seed: 5)
        let exact = (0..<400).map { _ in Float(numbers.unit() * 6) }
        return Bounds(exact, excess: exact.map { _ in Float(numbers.unit() * 3) }, reach: reach)
    }

    @Test(arguments: [Float(0), 1, 3])
    func boundsDrawWhatExactLogitsDo(reach: Float) {
        var options = SamplingOptions()
        options.temperature = 0.7
        options.seed = 3
        var sampler = Sampler(options, prompt: [], kernels: .best)
        var found: [TokenID] = []
        for _ in 0..<20_000 {
            let bounds = bounds(reach: reach)
            found.append(sampler.next(bounds.logits, rough: bounds))
        }
        let shares = shares(found)
        let exact = bounds(reach: 0).exact
        let weights = exact.map { Sampler.exponential(Double($0 / 0.7)) }
        let mass = weights.reduce(0, +)
        // The distance of two samples of this size is about sqrt(400 / 20000 / pi).
        let distance = weights.indices.reduce(0) {
            $0 + abs((shares[TokenID($1)] ?? 0) - weights[$1] / mass) / 2
        }
        #expect(distance < 0.08, "\(distance)")
    }

    @Test func cutsAreMadeByExactLogits() throws {
        let exact = bounds(reach: 0).exact
        let sorted = exact.indices.sorted { exact[$0] > exact[$1] }
        for minP in [Float(0.5), 0.2, 0.05] {
            var options = SamplingOptions()
            options.temperature = 2
            options.seed = 9
            options.minP = minP
            let floor = exact[sorted[0]] + Float(Sampler.logarithm(Double(minP)))
            let allowed = Set(sorted.filter { exact[$0] >= floor })
            var sampler = Sampler(options, prompt: [], kernels: .best)
            let reach = try #require(options.reach)
            for _ in 0..<300 {
                let bounds = bounds(reach: reach)
                let token = sampler.next(bounds.logits, rough: bounds)
                #expect(allowed.contains(Int(token)), "min-p \(minP)")
                #expect(bounds.refined < exact.count)
            }
        }
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
