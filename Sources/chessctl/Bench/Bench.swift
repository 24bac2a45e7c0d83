internal import Decoder
internal import Kernels
internal import Machine
internal import WeightStore

/// Times a decoder on a text: a prompt, then one token after another.
struct Bench {
    private let dense: Decoder
    /// The prompt, and the tokens behind it.
    private let text: [Int32]
    private let promptCount: Int
    private let decodeCount: Int
    private var plans: [NamedPlan] = []
    /// How memory was divided, where there is a budget.
    private let memory: MemoryPlan?
    /// Bytes per second, where it was measured before memory was given away; measured in turn otherwise.
    private let bandwidth: Double?
    /// See `HeadScope.reach`.
    private let reach: Float?

    /// - Parameters:
    ///   - tokens: of some prose, at least one; repeated until they suffice.
    ///   - allLogits: whether every logit is computed; else those that greedy decoding needs.
    init(
        _ dense: Decoder, tokens: [Int32], prompt: Int, decode: Int, memory: MemoryPlan?, bandwidth: Double?,
        allLogits: Bool = false
    ) {
        self.dense = dense
        reach = allLogits ? nil : 0
        self.bandwidth = bandwidth
        self.memory = memory
        promptCount = prompt
        decodeCount = decode
        text = (0..<Self.context(prompt: prompt, decode: decode, isBudgeted: true))
            .map { tokens[$0 % tokens.count] }
    }

    /// Tokens of context that a benchmark needs. Where weights are read when they are wanted, as many as are timed come
    /// before those.
    static func context(prompt: Int, decode: Int, isBudgeted: Bool) -> Int {
        prompt + (isBudgeted ? 2 : 1) * decode
    }

    /// Measures what reading memory gives, with a buffer that no cache holds; of half of `budget` at most.
    static func bandwidthMeter(threads: Int, budget: Int = .max) -> ReadBandwidth {
        ReadBandwidth(byteCount: min(256 << 20, max(budget / 2, 1 << 20)), threads: threads)
    }

    private var prompt: [Int32] { Array(text.prefix(promptCount)) }

    /// Touches every page once; returns the peak of resident memory after it, in bytes.
    func warmUp() throws -> Int {
        try warmUp(dense)
        return ProcessFacts.peakResidentBytes
    }

    /// Times `plan` too, on its own decoder.
    mutating func add(_ plan: NamedPlan) throws {
        plans.append(plan)
        if plan.decoder !== dense { try warmUp(plan.decoder) }
        if let fault = plan.decoder.takeFault() { throw fault }
    }

    private func warmUp(_ decoder: Decoder) throws {
        _ = decoder.prefill(prompt, at: 0)
        decoder.step(text[0], at: promptCount)
        if let fault = decoder.takeFault() { throw fault }
    }

    func measure(runs: Int, peakResidentBytes: Int) throws -> BenchResult {
        let meter = bandwidth == nil ? Self.bandwidthMeter(threads: dense.threadCount) : nil
        var (prefill, read) = ([Double](), [Double]())
        var exact = Timings()
        var sparse = plans.map { _ in Timings() }
        // What memory gave before and after a run: neighbours come and go.
        func readAgain() -> Double {
            let now = meter?.measure() ?? bandwidth ?? 0
            defer { read.append(now) }
            return (now + (read.last ?? now)) / 2
        }
        for run in 0..<runs {
            prefill.append(Double(promptCount) / seconds { _ = dense.prefill(prompt, at: 0) })
            _ = readAgain()
            if memory?.cache == nil || run == 0 {
                let run = try timed(dense, nil)
                exact.add(run, bandwidth: readAgain())
            }
            for index in plans.indices {
                let run = try self.run(index)
                sparse[index].add(run, bandwidth: readAgain())
            }
        }
        return BenchResult(
            model: dense.parameters.name, kernels: dense.kernels.name, threads: dense.threadCount,
            promptTokens: promptCount, decodedTokens: decodeCount, runs: runs,
            prefillTokensPerSecond: Median.of(prefill), decodeTokensPerSecond: Median.of(exact.rates),
            bytesPerToken: Int(exact.bytesPerToken),
            weightBytesPerSecond: Median.of(exact.rates) * exact.bytesPerToken,
            readBandwidthBytesPerSecond: Median.of(read), rooflineShare: Median.of(exact.shares),
            peakRssBytes: peakResidentBytes, memory: memory.map { BenchResult.Memory($0) },
            storage: storage(exact.traffic, runs: exact.rates.count),
            profiles: zip(plans, sparse).map { profile($0, $1, beside: exact) })
    }

    private func profile(
        _ plan: NamedPlan, _ timings: Timings, beside exact: Timings
    ) -> BenchResult.Profile {
        let rate = Median.of(timings.rates)
        return BenchResult.Profile(
            name: plan.name, method: plan.profile.method, target: plan.profile.sparsity,
            decodeTokensPerSecond: rate,
            speedup: exact.rates.count == timings.rates.count
                ? Median.of(zip(timings.rates, exact.rates).map { $0 / $1 }) : rate / Median.of(exact.rates),
            bytesPerToken: timings.bytesPerToken, weightBytesPerSecond: rate * timings.bytesPerToken,
            rooflineShare: Median.of(timings.shares),
            storage: storage(timings.traffic, runs: timings.rates.count))
    }

    /// One run with plan `index`, or dense without one, as `measure` makes it.
    func run(_ index: Int?) throws -> TimedRun {
        let plan = index.map { plans[$0].plan }
        let decoder = decoder(index)
        guard memory?.cache != nil else { return try timed(decoder, plan) }
        // What other runs left in memory says nothing about a conversation that goes on with this plan; nor does a text
        // that was just read say anything about the next.
        _ = try timed(decoder, plan)
        return try timed(decoder, plan, from: promptCount + decodeCount)
    }

    private func decoder(_ index: Int?) -> Decoder { index.map { plans[$0].decoder } ?? dense }

    /// Tokens per second of one run with plan `index`, behind a prompt as in `measure`.
    func rateBehindPrompt(_ index: Int) throws -> Double {
        _ = decoder(index).prefill(prompt, at: 0)
        return try run(index).rate
    }

    /// What a token read from storage, on average; `nil` when all weights are in memory.
    func storage(_ counts: CacheCounts, runs: Int) -> BenchResult.Storage? {
        guard memory?.cache != nil else { return nil }
        let tokens = Double(runs * decodeCount)
        return BenchResult.Storage(
            hitRate: counts.wanted == 0 ? 1 : 1 - Double(counts.missed) / Double(counts.wanted),
            bytesPerToken: Double(counts.bytesRead) / tokens, readsPerToken: Double(counts.reads) / tokens,
            waitSecondsPerToken: (Double(counts.waited) / Double(dense.threadCount) + Double(counts.stalled))
                * 1e-9 / tokens)
    }

    /// One run behind the prompt, or from position `start` on.
    private func timed(_ decoder: Decoder, _ plan: SparsityPlan?, from start: Int? = nil) throws -> TimedRun {
        let before = decoder.weights.cache?.total ?? CacheCounts()
        _ = decoder.takeCounts(of: plan)
        let spent = seconds {
            let start = start ?? promptCount
            for index in start..<start + decodeCount {
                decoder.step(text[index], at: index, plan: plan, reach: reach)
            }
        }
        if let fault = decoder.takeFault() { throw fault }
        let bytes = decoder.weights.bytesPerToken(decoder.takeCounts(of: plan))
        return TimedRun(
            rate: Double(decodeCount) / spent, bytesPerToken: bytes,
            traffic: (decoder.weights.cache?.total ?? CacheCounts()) - before)
    }

    private func seconds(_ body: () -> Void) -> Double {
        let begin = ProcessFacts.monotonicNanoseconds
        body()
        return Double(ProcessFacts.monotonicNanoseconds - begin) * 1e-9
    }
}

/// One run of a benchmark.
struct TimedRun {
    /// Tokens per second.
    let rate: Double
    /// Of weights.
    let bytesPerToken: Double
    /// What its tokens needed that was not in memory.
    let traffic: CacheCounts
}

/// The runs of one way of decoding.
private struct Timings {
    private(set) var rates: [Double] = []
    /// Weights of a token in bytes, over what memory gave around each run.
    private(set) var shares: [Double] = []
    /// Of the last run.
    private(set) var bytesPerToken = 0.0
    private(set) var traffic = CacheCounts()

    /// - Parameter bandwidth: in bytes per second.
    mutating func add(_ run: TimedRun, bandwidth: Double) {
        rates.append(run.rate)
        shares.append(run.rate * run.bytesPerToken / bandwidth)
        bytesPerToken = run.bytesPerToken
        traffic += run.traffic
    }
}
