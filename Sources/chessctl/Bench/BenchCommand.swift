internal import ArgumentParser
internal import Decoder
internal import Kernels
internal import Machine
internal import Tokenizer
internal import WeightStore

/// Measures how fast a model runs here, beside what the memory would allow.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure prefill and decode speed of a model on this machine.",
        discussion: """
            Decoding reads every weight once per token, so memory bandwidth is its ceiling; the share of the \
            roofline says how close it comes. Runs alternate with measurements of the bandwidth, each is held \
            against the two beside it, and medians are printed, since machines are noisy. The text is prose, because what a sparse model reads decides what it \
            leaves out; with profiles, dense and sparse runs take turns, each with a copy of the weights that lies \
            as it is best for it where memory suffices.

              chessctl bench models/NAME.chess --threads 2
              chessctl bench models/NAME.chess --profile NAME.profile
              chessctl bench models/NAME.chess --json | jq .decode_tokens_per_second

            Exit codes: 64 usage, 65 a model or profile that is no use, 66 no such file.
            """)

    @OptionGroup var options: ModelOptions

    @Option(
        name: [.customShort("p"), .customLong("profile")],
        help: "A sparsity profile to time beside dense decoding; may be given several times.",
        completion: .file(extensions: ["profile"]))
    var profiles: [String] = []

    @Option(
        help: ArgumentHelp(
            "Memory that the process may take, such as 700M, or auto for what is free: weights that do not fit are "
                + "read when they are needed. As many tokens as are timed then come before those, to fill the memory.",
            valueName: "bytes"))
    var memoryBudget: MemoryBudget?

    @Option(
        help: ArgumentHelp(
            "Bytes between two wanted pieces of the file that are read along rather than left out. Default: what is worth it here.",
            valueName: "bytes"))
    var readGap: Int?

    @Option(
        help: ArgumentHelp(
            "What reads get at most within a budget, in bytes per second, such as 90M for an SD card; auto takes what "
                + "the storage does.", valueName: "rate"))
    var storageReadRate = StorageRate.auto

    @Option(
        help: ArgumentHelp(
            "How many times its limit a hidden channel must reach that is not in memory, instead of what the profiles "
                + "say.", valueName: "factor"))
    var absentFactor: Float?

    @Option(help: "Tokens of the prompt whose evaluation is timed.")
    var prompt: Int = 128

    @Option(help: "Tokens decoded in each run.")
    var tokens: Int = 64

    @Flag(
        help: ArgumentHelp(
            "Compute every logit, as log-probabilities need, instead of those that may be the largest."
        ))
    var allLogits = false

    @Option(help: "How often everything is measured; medians are printed.")
    var runs: Int = 5

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        try ModelOptions.check([
            ("--prompt", prompt, 1...100_000), ("--tokens", tokens, 1...100_000), ("--runs", runs, 1...1000),
            ("--read-gap", readGap ?? 0, 0...1 << 30),
        ])
        if let absentFactor, !SparsityProfile.absentFactors.contains(absentFactor) {
            throw ValidationError("--absent-factor is \(absentFactor), it must be from 1 to 100")
        }
    }

    func run() async throws {
        try await runningModelTool("bench") {
            // Under a budget the meter's buffer must be gone before the weights come.
            let bandwidth = memoryBudget.map { budget in
                Bench.bandwidthMeter(threads: options.threadCount, budget: budget.resolved).measure()
            }
            ProcessFacts.forgetPeak()
            let model = try StoreInspection(path: options.model)
            // What a budget has to leave room for comes before the weights.
            let text = try options.tokenizer(model.vocabulary()).encode(
                SampleText.prose, addSpecial: false, parseSpecial: false)
            let read = try profiles.map { path throws(ProfileError) in try profile(path, for: model) }
            var lanes = try DecoderLanes(model, decoderOptions(), profiles: read)
            var bench = Bench(
                lanes.dense.decoder, tokens: text.isEmpty ? [0] : text, prompt: prompt, decode: tokens,
                memory: lanes.dense.memory, bandwidth: bandwidth, allLogits: allLogits)
            let peak = try bench.warmUp()
            for (path, profile) in zip(profiles, read) {
                let decoder = try lanes.lane(for: profile).decoder
                try bench.add(NamedPlan(profile, name: SparsityProfile.name(ofFile: path), decoder))
            }
            let result = try bench.measure(runs: runs, peakResidentBytes: peak)
            try Terminal.write(json ? JSONText.encode(result) : result.table + "\n")
        }
    }

    private func profile(_ path: String, for model: StoreInspection) throws(ProfileError) -> SparsityProfile {
        var profile = try SparsityProfile(path: path)
        try profile.check(fits: model, path: path)
        if let absentFactor { profile.absentFactor = absentFactor }
        return profile
    }

    private func decoderOptions() -> DecoderOptions {
        var made = options.decoderOptions(
            context: Bench.context(prompt: prompt, decode: tokens, isBudgeted: memoryBudget != nil))
        made.budget = memoryBudget?.resolved
        made.gap = readGap
        made.storageRate = storageReadRate.given
        return made
    }
}
