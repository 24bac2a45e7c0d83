package import Kernels
internal import Machine
package import WeightStore

/// How a decoder is to be made of a store.
package struct DecoderOptions: Sendable {
    package var kernels: KernelSet
    /// Positions to make room for; `nil` takes 4096, or what the model was trained for when that is less.
    package var context: Int?
    package var threads: Int
    package var cacheFormat: CacheFormat
    package var residency: Residency
    /// Bytes that the process may take; `nil` for no limit.
    package var budget: Int?
    /// What tokens will mostly be evaluated with: decides which weights deserve memory.
    package var profile: SparsityProfile?
    /// Where there is no profile, how many logits will mostly be computed exactly; 0 for all.
    package var headCandidates = 0
    /// See `CachePlan.gap`; `nil` to find out what is worth it on this storage.
    package var gap: Int?
    /// See `CachePlan.storageRate`.
    package var storageRate: Double?

    package init(
        kernels: KernelSet = .best, context: Int? = nil, threads: Int, cacheFormat: CacheFormat = .half,
        residency: Residency = .automatic, budget: Int? = nil, profile: SparsityProfile? = nil,
        gap: Int? = nil
    ) {
        self.kernels = kernels
        self.context = context
        self.threads = threads
        self.cacheFormat = cacheFormat
        self.residency = residency
        self.budget = budget
        self.profile = profile
        self.gap = gap
    }

    /// Tokens of context when nobody asks for more: what a board's memory can hold beside the weights.
    package static let defaultContext = 4096
}

extension Decoder {
    /// Reads the weights of `model` and makes a decoder of them, within a budget where there is one.
    ///
    /// - Returns: the plan as well, where there is a budget.
    /// - Throws: a `StoreError` or a `DecoderError`.
    package static func open(
        _ model: StoreInspection, _ options: DecoderOptions
    ) throws -> (store: WeightStore, decoder: Decoder, plan: MemoryPlan?) {
        let shape = model.metadata.model
        let context = options.context ?? min(shape.contextLength, DecoderOptions.defaultContext)
        var plan: MemoryPlan?
        if let budget = options.budget {
            // What was read to get here left holes.
            ProcessFacts.returnFreedMemory()
            let present = ProcessFacts.anonymousResidentBytes + codeBytes
            let (scratch, lendable) = try workingBytes(shape, path: model.path, context: context, options)
            let working = present + scratch
            var gap = options.gap
            if gap == nil, !MemoryPlan.fits(model, budget: budget, working: working) {
                gap = try StorageSpeed(ofFile: model.path, rate: options.storageRate).worthwhileGap
            }
            plan = try MemoryPlan(
                budget: budget, working: working, lendable: lendable, model: model, gap: gap ?? 0,
                // A channel that is not there is mostly left out, so few are missing.
                isPinnable: (options.profile?.absentFactor ?? 1) <= 1,
                headCandidates: options.profile?.headCandidates ?? options.headCandidates,
                passBytes: { parts, isGateRead in
                    PassScratch.byteCount(
                        shape, tokens: min(parts * batchSize, context), isGateRead: isGateRead)
                }
            ) { site, layer in kept(site, layer, options.profile) }
        }
        // The kernel would keep them beside the budget, and a file that becomes shorter would end the program.
        if let plan, plan.cache != nil, options.residency == .mapped {
            throw DecoderError.mappedWithinBudget(path: model.path, budget: plan.budget)
        }
        var cache = plan?.cache
        cache?.storageRate = options.storageRate
        let store = try WeightStore(
            model, threads: options.threads, residency: options.residency, plan: cache,
            omitted: plan?.omitted ?? [], panelled: panelled(model, options.profile))
        if plan != nil { ProcessFacts.returnFreedMemory() }
        let decoder = try Decoder(
            store: store, kernels: options.kernels, context: context, threads: options.threads,
            cacheFormat: options.cacheFormat, isSmall: cache != nil, lent: plan?.lent ?? 0,
            passParts: plan?.passParts ?? 1)
        return (store, decoder, plan)
    }

    /// Names of the tensors that a decoder made for `profile` cuts into panels, where it copies them into memory.
    package static func panelled(_ model: StoreInspection, _ profile: SparsityProfile?) -> Set<String> {
        Set(
            model.tensors.map(\.name).filter { name in
                MemoryPlan.site(of: name).map { $0 != .channels && kept($0, $1, profile) == 1 }
                    ?? (name == HeadPreviewName.weights)
            })
    }

    /// The share of channels that a token will mostly want at a site of a layer.
    private static func kept(_ site: SparsitySite, _ layer: Int, _ profile: SparsityProfile?) -> Double {
        guard let rules = profile?.sites[site], rules.indices.contains(layer) else { return 1 }
        return 1 - rules[layer].measured
    }

    /// Bytes of a program's own code and libraries that are in memory at a time.
    private static let codeBytes = 16 << 20

    /// Bytes that decoding touches of scratch and of the KV cache of a full context: makes them, counts, and lets them go.
    ///
    /// - Returns: also how many of them short conversations do without, the most first.
    private static func workingBytes(
        _ shape: ModelParameters, path: String, context: Int, _ options: DecoderOptions
    ) throws(DecoderError) -> (all: Int, lendable: [Int]) {
        try check(context, shape, path: path)
        let before = MemoryTally.bytes
        let scratch = StepScratch(shape, context: context, threads: options.threads)
        let batch = BatchScratch(
            shape, capacity: min(batchSize, context), headRows: BatchScratch.headRowsWithin)
        let cache = KeyValueCache(
            layers: shape.layers, heads: shape.keyValueHeads, headDimension: shape.headDimension,
            context: context, format: options.cacheFormat)
        let made = withExtendedLifetime((scratch, batch, cache)) { MemoryTally.bytes - before }
        return (made - batch.wideBytes + MemoryPlan.reserve, BorrowedMemory.lendable(cache))
    }
}
