internal import ArgumentParser
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

    @Option(help: "Where weights live: auto, mapped or resident; see chessd --help.")
    var weights: Residency = .automatic

    func validate() throws {
        if let threads, !(1...256).contains(threads) {
            throw ValidationError("--threads is \(threads), it must be from 1 to 256")
        }
        if let kernels, KernelSet(named: kernels) == nil {
            let available = KernelSet.available.map(\.name).joined(separator: ", ")
            throw ValidationError("--kernels \(kernels): not on this processor; it has \(available)")
        }
    }

    var threadCount: Int { threads ?? Cores.recommendedThreads }

    func openStore() throws -> WeightStore {
        try WeightStore(path: model, threads: threadCount, residency: weights)
    }

    func decoder(_ store: WeightStore, context: Int) throws -> Decoder {
        try Decoder(
            store: store, kernels: kernels.flatMap { KernelSet(named: $0) } ?? .best, context: context,
            threads: threadCount)
    }

    func tokenizer(_ store: WeightStore) throws -> Tokenizer {
        let vocabulary = try store.vocabulary()
        do throws(TokenizerError) { return try Tokenizer(vocabulary) } catch {
            throw ModelToolError.tokenizer(path: model, reason: error.description)
        }
    }
}

extension Residency: ExpressibleByArgument {}

/// A profile as it was named on the command line, ready for a decoder.
struct NamedPlan {
    /// The file's name without folders and extension.
    let name: String
    let profile: SparsityProfile
    let plan: SparsityPlan

    /// Reads and checks the file.
    init(_ path: String, _ decoder: Decoder, _ store: WeightStore) throws {
        profile = try SparsityProfile(path: path)
        try profile.check(fits: store, path: path)
        plan = decoder.plan(profile)
        name = SparsityProfile.name(ofFile: path)
    }
}
