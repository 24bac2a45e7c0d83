internal import GGUF
internal import WeightStore

extension SourceModel {
    /// The architecture the source names.
    func architecture() throws(ImportError) -> Architecture {
        let key = "general.architecture"
        let name = try required(text(key), key)
        guard let architecture = Architecture.named(name) else {
            throw .unsupportedArchitecture(path: path, name: name, supported: Architecture.all.map(\.name))
        }
        for (key, what) in architecture.refusedKeys.sorted(by: { $0.key < $1.key }) {
            let key = "\(architecture.name).\(key)"
            switch gguf.metadata[key] {
            case .unsigned(let number)? where number > 0:
                throw .unsupportedModel(path: path, key: key, what: what)
            // A factor of exactly 1 or 0 changes nothing.
            case .float(let number)? where number != 0 && number != 1:
                throw .unsupportedModel(path: path, key: key, what: what)
            default: break
            }
        }
        return architecture
    }

    /// The hyperparameters, checked. Source of names and defaults: llama.cpp, `load_hparams`.
    func parameters(_ architecture: Architecture) throws(ImportError) -> ModelParameters {
        func key(_ name: String) -> String { "\(architecture.name).\(name)" }
        func needed(_ name: String) throws(ImportError) -> Int { try required(integer(key(name)), key(name)) }

        let embedding = try needed("embedding_length")
        let heads = try needed("attention.head_count")
        guard heads > 0, embedding > 0 else {
            throw .unusableParameters(path: path, reason: "\(heads) heads for an embedding of \(embedding)")
        }
        let stated = try integer(key("attention.key_length"))
        guard stated != nil || embedding % heads == 0 else {
            throw .unusableParameters(
                path: path, reason: "\(heads) heads cannot share an embedding of \(embedding) evenly")
        }
        let headDimension = stated ?? embedding / heads
        let valueLength = try integer(key("attention.value_length")) ?? embedding / heads
        guard valueLength == headDimension else {
            throw .unusableParameters(
                path: path, reason: "keys of length \(headDimension) but values of length \(valueLength)")
        }
        let epsilon = key("attention.layer_norm_rms_epsilon")
        let contextLength = try needed("context_length")
        let model = ModelParameters(
            architecture: architecture.name, name: try text("general.name") ?? fileName,
            layers: try needed("block_count"), embedding: embedding,
            feedForward: try needed("feed_forward_length"), heads: heads,
            keyValueHeads: try integer(key("attention.head_count_kv")) ?? heads, headDimension: headDimension,
            vocabulary: try vocabularyRows(), contextLength: contextLength,
            rmsEpsilon: try required(number(epsilon), epsilon), activation: architecture.activation,
            rope: try rotary(architecture, headDimension: headDimension, contextLength: contextLength),
            headNorms: architecture.hasHeadNorms ? true : nil, unturnedEach: architecture.unturnedEach)
        do { try model.check() } catch { throw .unusableParameters(path: path, reason: error.description) }
        guard model.rope.dimension == headDimension else {
            throw .unusableParameters(
                path: path,
                reason:
                    "rope dimension \(model.rope.dimension), heads of this family turn whole: \(headDimension)"
            )
        }
        return model
    }

    /// Rows of the embedding, which the tokenizer must not exceed or fall short of.
    private func vocabularyRows() throws(ImportError) -> Int {
        guard let embedding = gguf.tensor(named: "token_embd.weight") else {
            throw .missingTensor(path: path, tensor: "token_embd.weight")
        }
        guard embedding.dimensions.count == 2 else {
            throw .wrongShape(
                path: path, tensor: embedding.name, found: embedding.dimensions, expected: [0, 0])
        }
        return embedding.dimensions[1]
    }

    private func rotary(
        _ architecture: Architecture, headDimension: Int, contextLength: Int
    ) throws(ImportError) -> RotaryParameters {
        func key(_ name: String) -> String { "\(architecture.name).rope.\(name)" }
        return RotaryParameters(
            dimension: try integer(key("dimension_count")) ?? headDimension,
            base: try number(key("freq_base")) ?? 10000, style: architecture.ropeStyle,
            scaling: try scaling(architecture, contextLength: contextLength))
    }

    /// - Source: llama.cpp. A missing type means linear, a missing or zero factor means 1; for YaRN,
    ///   extrapolation 1, beta 32 and 1, and the attention factor times `1 + 0.1 ln factor` of its formula.
    private func scaling(
        _ architecture: Architecture, contextLength: Int
    ) throws(ImportError) -> RotaryParameters.Scaling {
        func key(_ name: String) -> String { "\(architecture.name).rope.\(name)" }
        var factor = try number(key("scaling.factor"))
        if factor == nil { factor = try number(key("scale_linear")) }
        let stretch = factor.map { $0 == 0 ? 1 : $0 } ?? 1
        switch try text(key("scaling.type")) ?? "linear" {
        case "none": return .none
        case "linear": return stretch == 1 ? .none : .linear(factor: stretch)
        case "yarn":
            return .yarn(
                factor: stretch,
                originalContext: try integer(key("scaling.original_context_length")) ?? contextLength,
                extrapolation: 1, attention: try number(key("scaling.attn_factor")) ?? 1, betaFast: 32,
                betaSlow: 1)
        case let other:
            throw .unusableKey(
                path: path, key: key("scaling.type"),
                reason: "\"\(other)\" is not supported, only none, linear and yarn")
        }
    }
}
