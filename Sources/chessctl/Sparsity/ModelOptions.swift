internal import ArgumentParser
internal import Calibration
internal import Decoder
internal import Kernels
internal import Machine
internal import Tokenizer
internal import WeightStore

/// The options of every tool that runs a model.
struct ModelOptions: ParsableArguments {
    @Argument(help: "The model, a .chess file.", completion: .file(extensions: ["chess"]))
    var model: String

    @Option(help: "Worker threads. Default: one per processor.")
    var threads: Int?

    @Option(help: "Instruction set of the kernels. Default: the best this processor has.")
    var kernels: String?

    @Option(help: "How keys and values are kept: f16, or q8, in little more than half the memory.")
    var kvCache: CacheFormat = .half

    @Option(help: "Where weights live: auto, mapped or resident; see chessd --help.")
    var weights: Residency = .automatic

    func validate() throws {
        try Self.check([("--threads", threads ?? 1, 1...256)])
        if let kernels, KernelSet(named: kernels) == nil {
            let available = KernelSet.available.map(\.name).joined(separator: ", ")
            throw ValidationError("--kernels \(kernels): not on this processor; it has \(available)")
        }
    }

    var threadCount: Int { threads ?? Cores.recommendedThreads }

    func openStore() throws -> WeightStore {
        try WeightStore(path: model, threads: threadCount, residency: weights)
    }

    func decoderOptions(context: Int) -> DecoderOptions {
        DecoderOptions(
            kernels: kernelSet, context: context, threads: threadCount, cacheFormat: kvCache,
            residency: weights)
    }

    func decoder(_ store: WeightStore, context: Int) throws -> Decoder {
        try Decoder(
            store: store, kernels: kernelSet, context: context, threads: threadCount, cacheFormat: kvCache)
    }

    private var kernelSet: KernelSet { kernels.flatMap { KernelSet(named: $0) } ?? .best }

    /// The text as windows of `window` tokens, fewer where the model was trained for fewer, and a decoder for them.
    func open(
        _ store: WeightStore, text: String, tokens: Int, window: Int
    ) throws -> (corpus: Corpus, decoder: Decoder) {
        let corpus = try Corpus(
            path: text, tokenizer: try tokenizer(store), tokens: tokens,
            window: min(window, store.parameters.contextLength))
        return (corpus, try decoder(store, context: corpus.windows[0].count))
    }

    /// Refuses counts outside their range.
    static func check(_ counts: [(option: String, count: Int, range: ClosedRange<Int>)]) throws {
        for (option, count, range) in counts where !range.contains(count) {
            throw ValidationError(
                "\(option) is \(count), it must be from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func tokenizer(_ store: WeightStore) throws -> Tokenizer { try tokenizer(store.vocabulary()) }

    func tokenizer(_ vocabulary: Vocabulary) throws -> Tokenizer {
        do throws(TokenizerError) { return try Tokenizer(vocabulary) } catch {
            throw ModelToolError.tokenizer(path: model, reason: error.description)
        }
    }
}

extension Residency: ExpressibleByArgument {}

extension CacheFormat: ExpressibleByArgument {}

/// A profile as it was named on the command line, ready for a decoder.
struct NamedPlan {
    /// The file's name without folders and extension.
    let name: String
    let profile: SparsityProfile
    let plan: SparsityPlan
    let decoder: Decoder

    /// Reads and checks the file.
    init(_ path: String, _ decoder: Decoder, _ store: WeightStore) throws {
        (profile, plan) = try decoder.plan(at: path, for: store)
        self.decoder = decoder
        name = SparsityProfile.name(ofFile: path)
    }

    /// A profile that was read already, or is in no file yet.
    init(_ profile: SparsityProfile, name: String, _ decoder: Decoder) {
        self.name = name
        self.profile = profile
        plan = decoder.plan(profile)
        self.decoder = decoder
    }
}

extension StorageRate: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension MemoryBudget: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
