internal import ChatTemplate
internal import Decoder
internal import FoundationEssentials
internal import Generation
internal import Kernels
internal import Logging
internal import Machine
internal import Server
internal import Tokenizer
internal import WeightStore

/// Why an engine cannot be loaded, besides what the store and the tokenizer say themselves.
struct LoadError: Error, CustomStringConvertible {
    let description: String
}

/// Loads models on a thread of its own: what takes minutes on a board must not hold up running answers.
actor EngineLoader {
    private let logger: Logger
    private let thread = ComputeThread.start(name: "chess-loader")
    private var loaded: LoadedEngine?

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.reference }

    init(logger: Logger) { self.logger = logger }

    /// The engine for `settings`: the one there is, under other profiles, where its model is still the right one;
    /// else a new one, which lets the old one finish first.
    func load(_ settings: Settings) async throws -> any TextGenerator {
        let new = try await loadEngine(settings, after: loaded, logger: logger)
        loaded = new
        return new.engine
    }

    /// Copies the weights that `load` has left in the page cache into memory of large pages, while no request runs or
    /// waits. They are used in place until all are there; then the page cache may have its memory back.
    ///
    /// It ends early when another model is loaded meanwhile.
    func moveWeights() async {
        guard let model = loaded?.movable, let mapped = loaded?.store else { return }
        loaded?.movable = nil
        do {
            try await Task.sleep(for: Self.patience)
            let begin = ProcessFacts.monotonicNanoseconds
            let copy = try WeightStore.Copying(
                model.inspection, threads: model.threads, panelled: model.panelled)
            while !copy.isComplete {
                guard let loaded, loaded.store === mapped else { return }
                if loaded.engine.isIdle {
                    copy.advance(bytes: Self.bytesAtATime)
                    await Task.yield()
                } else {
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            let store = try copy.store()
            let weights = try ModelWeights(store)
            guard let loaded, loaded.store === mapped else { return }
            let decoder = await loaded.engine.take(weights)
            store.releaseMapping()
            // Another load may have come between.
            guard self.loaded?.store === mapped else { return }
            self.loaded = self.loaded?.moved(to: store, decoder)
            ProcessFacts.returnFreedMemory()
            logger.info(
                "weights copied into memory",
                metadata: ["milliseconds": "\((ProcessFacts.monotonicNanoseconds - begin) / 1_000_000)"])
        } catch {
            // What is mapped was checked and goes on serving.
            logger.warning("weights stay in the page cache", metadata: ["reason": "\(error)"])
        }
    }

    /// Who started the daemon to ask something does so at once.
    private static let patience = Duration.seconds(1)

    /// A request waits for so much at most: some hundredths of a second on a board.
    private static let bytesAtATime = 8 << 20
}

/// An engine, and what it takes to change its profiles.
struct LoadedEngine {
    let engine: Engine
    let decoder: Decoder
    let store: WeightStore
    let origin: ModelOrigin
    /// Paths, and what was made of them.
    let profiles: [String]
    let sparsity: SparsityPlans
    /// How to copy the weights into memory; `nil` where they are to stay as they are.
    var movable: MovableModel?
}

/// A model whose weights are in the page cache, though there is memory for a copy of large pages.
struct MovableModel {
    let inspection: StoreInspection
    let threads: Int
    /// See `WeightStore`.
    let panelled: Set<String>

    /// `nil` where `options` want the weights elsewhere, or the page cache cannot serve them.
    init?(_ inspection: StoreInspection, _ options: DecoderOptions) {
        guard options.residency == .automatic, options.budget == nil, inspection.isUncompressed,
            options.residency.isResident(rawBytes: inspection.rawBytes())
        else { return nil }
        self.inspection = inspection
        threads = options.threads
        panelled = Decoder.panelled(inspection, options.profile)
    }
}

/// What a loaded model was made of: the same origin gives the same model.
struct ModelOrigin: Equatable {
    private let settings: Settings
    private let file: [String]

    /// - Throws: `LoadError`, when there is no such file.
    init(_ settings: Settings) throws(LoadError) {
        var part = settings
        // All that does not concern the weights. A setting that is not named here counts as one that does.
        (part.socket, part.listen, part.limits) = ("", nil, ServerLimits())
        (part.logLevel, part.logTexts) = (.info, false)
        (part.profiles, part.sparsePrefill, part.queue) = ([], false, 0)
        self.settings = part
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: settings.model) else {
            throw LoadError(
                description: "\(settings.model): no such file; chessctl import makes one from a GGUF file")
        }
        let keys: [FileAttributeKey] = [.systemNumber, .systemFileNumber, .size, .modificationDate]
        file = keys.map { key in attributes[key].map { "\($0)" } ?? "" }
    }
}

/// Opens the model of `settings` and makes an engine of it; everything a request needs is in memory or mapped.
private func loadEngine(
    _ settings: Settings, after previous: LoadedEngine?, logger: Logger
) async throws -> LoadedEngine {
    let origin = try ModelOrigin(settings)
    if let previous, previous.origin == origin { return try previous.changed(settings) }
    if previous != nil, settings.memoryBudget != nil {
        throw LoadError(
            description: "two models at a time do not fit a memory budget; restart the daemon to change it")
    }
    var options = try decoderOptions(settings)
    let begin = ProcessFacts.monotonicNanoseconds
    let model = try StoreInspection(path: settings.model)
    async let making = Tokenizer(model.vocabulary())
    // What a budget has to leave room for comes before the weights; otherwise the two are read side by side.
    if options.budget != nil { _ = try await making }
    options.profile = try settings.profiles.first.map { path throws(ProfileError) in
        // Another model's would plan the memory wrongly, and the reason given might be the memory.
        let profile = try SparsityProfile(path: path)
        try profile.check(fits: model, path: path)
        return profile
    }
    let movable = MovableModel(model, options)
    if movable != nil { options.residency = .mapped }
    let (store, decoder, memory) = try Decoder.open(model, options)
    let tokenizer = try await making
    let template = try template(of: store, logger: logger)
    let sparsity = try sparsityPlans(settings, decoder, store)
    ProcessFacts.returnFreedMemory()
    let description = ModelDescription(settings.model, decoder, tokenizer, store, profiles: sparsity.names)
    logger.log(
        .modelLoaded, .info, "model loaded",
        [
            "model": "\(description.name)", "kernels": "\(options.kernels.name)",
            "threads": "\(options.threads)", "context": "\(decoder.context)",
            "profiles": "\(sparsity.names.joined(separator: " "))",
            "weights_bytes": "\(store.rawBytes)",
            "read_gap": "\(store.cache?.gap ?? 0)",
            "milliseconds": "\((ProcessFacts.monotonicNanoseconds - begin) / 1_000_000)",
        ])
    if let memory, memory.cache != nil, !memory.isArranged, !settings.profiles.isEmpty {
        logger.notice(
            "not all weights fit, and the model is as imported: of an arranged one (chessctl arrange) less is read",
            metadata: ["model": "\(settings.model)"])
    }
    let engine = Engine(
        decoder, tokenizer: tokenizer, template: template, model: description, sparsity: sparsity,
        queueCapacity: settings.queue, memory: memory.flatMap(MemoryStatus.init), after: previous?.engine)
    return LoadedEngine(
        engine: engine, decoder: decoder, store: store, origin: origin, profiles: settings.profiles,
        sparsity: sparsity, movable: movable)
}

/// What `settings` say of a decoder, but for the profile.
private func decoderOptions(_ settings: Settings) throws -> DecoderOptions {
    DecoderOptions(
        kernels: try kernelSet(settings.kernels), context: settings.context,
        threads: settings.threads ?? Cores.recommendedThreads,
        cacheFormat: try choice(settings.keyValueCache, of: "kv-cache", "a format of keys and values"),
        residency: try choice(settings.weights, of: "weights", "a place for weights"),
        budget: settings.memoryBudget?.resolved)
}

extension ModelDescription {
    /// The model of the file at `path`, as clients see it.
    fileprivate init(
        _ path: String, _ decoder: Decoder, _ tokenizer: Tokenizer, _ store: WeightStore, profiles: [String]
    ) {
        func spelling(_ token: TokenID?) -> String? {
            token.map { String(decoding: tokenizer.bytes(of: $0, showSpecial: true), as: UTF8.self) }
        }
        self.init(
            name: modelName(path), architecture: store.parameters.architecture,
            parameterCount: decoder.weights.parameterCount, contextLength: decoder.context,
            vocabularySize: store.parameters.vocabulary, created: seconds(store.provenance.importedAt),
            weightBytes: store.rawBytes, beginToken: spelling(tokenizer.bos),
            endToken: spelling(tokenizer.eos), profiles: profiles)
    }
}

extension MemoryStatus {
    /// `nil` where all weights are in memory.
    fileprivate init?(_ plan: MemoryPlan) {
        guard plan.cache != nil else { return nil }
        self.init(budget: plan.budget, weights: plan.budget - plan.working)
    }
}

extension LoadedEngine {
    /// The profiles there are. Making others ready would read weights through the cache that a running answer
    /// uses, and the first one has decided which weights are in memory.
    private func kept(_ settings: Settings) throws(LoadError) -> SparsityPlans {
        guard settings.profiles == profiles else {
            throw LoadError(
                description: "profiles cannot change while weights are read when they are needed "
                    + "(memory-budget); restart the daemon")
        }
        return SparsityPlans(sparsity, coversPrompts: settings.sparsePrefill)
    }

    /// The same model with the profiles and the queue of `settings`; the profiles' files are read again.
    fileprivate func changed(_ settings: Settings) throws -> LoadedEngine {
        let sparsity = try store.cache == nil ? sparsityPlans(settings, decoder, store) : kept(settings)
        var model = engine.model
        model.profiles = sparsity.names
        let engine = engine.changed(model: model, sparsity: sparsity, queueCapacity: settings.queue)
        return LoadedEngine(
            engine: engine, decoder: decoder, store: store, origin: origin, profiles: settings.profiles,
            sparsity: sparsity, movable: movable)
    }

    /// The same engine after it went over to `store`, a copy of the same model, with `decoder`.
    fileprivate func moved(to store: WeightStore, _ decoder: Decoder) -> LoadedEngine {
        LoadedEngine(
            engine: engine, decoder: decoder, store: store, origin: origin, profiles: profiles,
            sparsity: sparsity)
    }
}

/// Reads every profile and holds it against the model.
private func sparsityPlans(
    _ settings: Settings, _ decoder: Decoder, _ store: WeightStore
) throws -> SparsityPlans {
    var plans: [(name: String, plan: SparsityPlan)] = []
    for path in settings.profiles {
        let name = SparsityProfile.name(ofFile: path)
        guard name != GenerationRequest.denseProfile, !plans.contains(where: { $0.name == name }) else {
            throw LoadError(
                description: "\(path): the name \"\(name)\" is taken; requests could not tell them apart")
        }
        plans.append((name, try decoder.plan(at: path, for: store).plan))
    }
    return SparsityPlans(plans, coversPrompts: settings.sparsePrefill)
}

private func kernelSet(_ name: String?) throws -> KernelSet {
    guard let name else { return .best }
    if let set = KernelSet(named: name) { return set }
    let available = KernelSet.available.map(\.name).joined(separator: ", ")
    throw LoadError(description: "kernels \(name): not on this processor; it has \(available)")
}

/// What `word` names, which the setting `key` holds; `meaning` says what it should be.
private func choice<Choice: CaseIterable & RawRepresentable<String>>(
    _ word: String, of key: String, _ meaning: String
) throws -> Choice {
    if let choice = Choice(rawValue: word) { return choice }
    let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    throw LoadError(description: "\(key) \(word): not \(meaning); choose one of \(known)")
}

/// A template that cannot be read must not keep the daemon from completing plain text.
private func template(of store: WeightStore, logger: Logger) throws -> ChatTemplate? {
    guard let source = store.chatTemplate else { return nil }
    do {
        return try ChatTemplate(source: source)
    } catch {
        logger.warning(
            "chat template not usable; only /v1/completions will answer", metadata: ["reason": "\(error)"])
        return nil
    }
}

/// Seconds since 1970 of an ISO 8601 time; 0 when it is none.
private func seconds(_ text: String) -> Int {
    guard let date = try? Date(text, strategy: .iso8601) else { return 0 }
    return Int(date.timeIntervalSince1970)
}

/// The file's name without folders and extension; where it is a link, the name of what it leads to.
private func modelName(_ path: String) -> String {
    let path = URL(filePath: path).resolvingSymlinksInPath().path
    let file = path.split(separator: "/").last.map(String.init) ?? path
    return file.hasSuffix(".chess") ? String(file.dropLast(6)) : file
}
