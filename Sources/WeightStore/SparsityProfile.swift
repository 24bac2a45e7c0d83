/// A place in a layer where channels may be left out: the input of a matrix, or the hidden channels.
package enum SparsitySite: String, Sendable, Codable, CaseIterable {
    /// Input of `q_proj`.
    case queryInput = "query-input"
    /// Input of `k_proj` and `v_proj`.
    case keyValueInput = "key-value-input"
    /// Input of `o_proj`.
    case attentionOutput = "attention-output"
    /// Input of the gate.
    case gateInput = "gate-input"
    /// Input of `up`.
    case upInput = "up-input"
    /// Hidden channels, judged by the activated gate: a row of `up` and a channel of `down` each.
    case channels
    /// Input of `down`, judged by the product of gate and `up`.
    case downInput = "down-input"

    /// Whether what is left out can stand at a usual value: the matrices' product with it is known beforehand.
    package var mayHaveCenter: Bool {
        switch self {
        case .queryInput, .keyValueInput, .attentionOutput, .gateInput: true
        case .upInput, .channels, .downInput: false
        }
    }

    /// Whether channels can have limits of their own; the fused feed-forward part has one for its products.
    package var mayHaveLimitPerChannel: Bool { self != .downInput }

    /// Which of three widths counts the channels of a layer at this site.
    func width(embedding: Int, queries: Int, feedForward: Int) -> Int {
        switch self {
        case .queryInput, .keyValueInput, .gateInput, .upInput: embedding
        case .attentionOutput: queries
        case .channels, .downInput: feedForward
        }
    }
}

extension ModelParameters {
    /// Channels that a layer has at `site`.
    package func width(_ site: SparsitySite) -> Int {
        site.width(embedding: embedding, queries: heads * headDimension, feedForward: feedForward)
    }
}

/// Which channels a model may leave out, layer by layer: thresholds found on a text by some method.
package struct SparsityProfile: Sendable, Equatable {
    package var model: ProfiledModel
    /// Such as `chess` or `tuned`.
    package var method: String
    /// What was asked for, 0 to 0.99.
    package var sparsity: Double
    package var corpus: Corpus
    /// ISO 8601, UTC.
    package var createdAt: String
    /// Program and version that wrote it.
    package var program: String
    /// A rule per layer for each site that is sparse; a site that is not listed keeps everything.
    package var sites: [SparsitySite: [Rule]]
    /// How many times its limit a hidden channel must reach that is not in memory; 1 treats all alike.
    package var absentFactor: Float = 1
    /// How many logits are computed exactly where the store can foretell the others; 0 computes all.
    package var headCandidates = 0

    /// What is kept at one site of one layer: channels with `|x - center| >= limit`.
    package struct Rule: Sendable, Equatable {
        /// One for all channels, or one per channel; empty when the layer keeps everything here.
        package var limits: [Float]
        /// `[width]`, what stands in for a channel left out; empty is zero.
        package var center: [Float]
        /// Share of channels meant to be left out.
        package var target: Double
        /// Share that was left out of the calibration text.
        package var measured: Double

        package init(limits: [Float] = [], center: [Float] = [], target: Double = 0, measured: Double = 0) {
            self.limits = limits
            self.center = center
            self.target = target
            self.measured = measured
        }
    }

    /// The text the thresholds come from.
    package struct Corpus: Sendable, Equatable, Codable {
        /// Without folders.
        package var name: String
        /// In hexadecimal.
        package var sha256: String
        package var tokens: Int

        package init(name: String, sha256: String, tokens: Int) {
            self.name = name
            self.sha256 = sha256
            self.tokens = tokens
        }
    }

    package init(
        model: ProfiledModel, method: String, sparsity: Double, corpus: Corpus, createdAt: String,
        program: String, sites: [SparsitySite: [Rule]]
    ) {
        self.model = model
        self.method = method
        self.sparsity = sparsity
        self.corpus = corpus
        self.createdAt = createdAt
        self.program = program
        self.sites = sites
    }

    /// How many logits a model that can foretell the others computes exactly when nobody says.
    package static func usualHeadCandidates(vocabulary: Int) -> Int { vocabulary / 32 }

    /// What a profile's file is called without folders and extension: its name for people and requests.
    package static func name(ofFile path: String) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        return file.hasSuffix(".profile") ? String(file.dropLast(8)) : file
    }

    /// Refuses a model that this profile was not made for.
    ///
    /// - Parameter path: of the profile, for the message.
    package func check(fits store: WeightStore, path: String) throws(ProfileError) {
        try check(fits: ProfiledModel(store), of: store.path, path: path)
    }

    /// Refuses a model that this profile was not made for, before its weights are read.
    ///
    /// - Parameter path: of the profile, for the message.
    package func check(fits model: StoreInspection, path: String) throws(ProfileError) {
        try check(fits: ProfiledModel(model.metadata), of: model.path, path: path)
    }

    /// Refuses a model that this profile was not made for.
    ///
    /// - Parameters:
    ///   - modelPath: of the model's store, for the message.
    ///   - path: of the profile, for the message.
    package func check(
        fits other: ProfiledModel, of modelPath: String, path: String
    ) throws(ProfileError) {
        guard model.sourceSHA256 == other.sourceSHA256 else {
            throw .otherModel(
                path: path, madeFor: model.name, madeForHash: model.sourceSHA256, model: modelPath,
                modelHash: other.sourceSHA256)
        }
        guard model == other else {
            throw .otherShape(path: path, madeFor: model.shape, model: modelPath, modelShape: other.shape)
        }
    }
}

/// What ties a profile to a model: the file its weights came from, and the sizes its rules run over.
package struct ProfiledModel: Sendable, Equatable, Codable {
    package var name: String
    /// Of the GGUF file, in hexadecimal: another import of the same file may use the profile too.
    package var sourceSHA256: String
    package var layers: Int
    package var embedding: Int
    /// Heads times head dimension.
    package var queries: Int
    package var feedForward: Int

    package init(_ store: WeightStore) { self.init(store.metadata) }

    package init(_ metadata: StoreMetadata) {
        name = metadata.model.name
        sourceSHA256 = metadata.provenance.sourceSHA256
        layers = metadata.model.layers
        embedding = metadata.model.embedding
        queries = metadata.model.heads * metadata.model.headDimension
        feedForward = metadata.model.feedForward
    }

    /// Channels that a layer has at `site`.
    package func width(_ site: SparsitySite) -> Int {
        site.width(embedding: embedding, queries: queries, feedForward: feedForward)
    }

    var shape: String { "\(layers) layers, widths \(embedding), \(queries) and \(feedForward)" }

    /// Sizes within the bounds of any model.
    var isPlausible: Bool {
        (1...1024).contains(layers)
            && [embedding, queries, feedForward].allSatisfy { (1...(1 << 22)).contains($0) }
    }
}
