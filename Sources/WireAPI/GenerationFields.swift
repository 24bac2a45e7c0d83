/// The fields both kinds of request share; `nil` where the client left the choice to the daemon.
package struct GenerationFields: Sendable, Equatable {
    package var model: String?
    package var stream = false
    /// `stream_options.include_usage`: a last chunk without choices carries the usage.
    package var includeUsage = false
    package var temperature: Double?
    package var topP: Double?
    package var topK: Int?
    package var minP: Double?
    package var maxTokens: Int?
    package var stop: [String] = []
    package var seed: Int?
    package var frequencyPenalty: Double?
    package var presencePenalty: Double?
    package var repetitionPenalty: Double?
    package var logitBias: [Int32: Double] = [:]
    package var ignoreEOS = false
    /// Name of a sparsity profile, or `dense`; an extension of OpenAI's fields.
    package var sparsity: String?

    package init() {}

    package static let maximumStops = 16
    package static let maximumStopBytes = 1024
    package static let maximumBiases = 4096
    package static let maximumAlternatives = 20
    package static let maximumProfileBytes = 128

    static let known: Set<String> = [
        "model", "stream", "stream_options", "temperature", "top_p", "top_k", "min_p", "max_tokens",
        "max_completion_tokens", "stop", "seed", "frequency_penalty", "presence_penalty",
        "repetition_penalty",
        "repeat_penalty", "logit_bias", "ignore_eos", "n", "logprobs", "sparsity",
    ]

    /// Fields of OpenAI's and its followers' that change nothing here.
    static let ignored: Set<String> = [
        "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
        "prompt_cache_retention", "cache_prompt", "id_slot", "timings_per_token", "keep_alive",
    ]

    /// - Parameter lowestLimit: the least that `max_tokens` may be.
    init(_ fields: FieldReader, lowestLimit: Int = 1) throws(APIError) {
        model = try fields.string("model")
        stream = try fields.bool("stream") ?? false
        if let options = try fields.object("stream_options") {
            guard stream else {
                throw APIError(
                    code: .outOfRange, param: "stream_options",
                    message: "stream_options: only goes with \"stream\": true")
            }
            let options = FieldReader(options, path: "stream_options")
            includeUsage = try options.bool("include_usage") ?? false
            try options.refuseUnknown(known: ["include_usage"], ignored: ["include_obfuscation"])
        }
        temperature = try fields.number("temperature", in: 0...2)
        topP = try fields.number("top_p", in: 0...1)
        topK = try fields.int("top_k", in: -1 ... .max).map { max($0, 0) }
        minP = try fields.number("min_p", in: 0...1)
        let limit = try fields.int("max_tokens", in: lowestLimit ... .max)
        maxTokens = try fields.int("max_completion_tokens", in: lowestLimit ... .max) ?? limit
        stop = try Self.readStop(fields)
        seed = try fields.int("seed")
        frequencyPenalty = try fields.number("frequency_penalty", in: -2...2)
        presencePenalty = try fields.number("presence_penalty", in: -2...2)
        let other = try fields.number("repeat_penalty", in: 0.01...10)
        repetitionPenalty = try fields.number("repetition_penalty", in: 0.01...10) ?? other
        logitBias = try Self.readLogitBias(fields)
        ignoreEOS = try fields.bool("ignore_eos") ?? false
        sparsity = try Self.readSparsity(fields)
        if let count = try fields.int("n"), count != 1 {
            throw .unsupported("n", "\(count) answers asked for, this daemon gives 1; send several requests")
        }
    }

    private static func readSparsity(_ fields: FieldReader) throws(APIError) -> String? {
        guard let name = try fields.string("sparsity") else { return nil }
        guard (1...maximumProfileBytes).contains(name.utf8.count) else {
            throw APIError(
                code: .outOfRange, param: "sparsity",
                message: "sparsity: holds \(name.utf8.count) bytes, expected 1 to \(maximumProfileBytes)")
        }
        return name
    }

    private static func readStop(_ fields: FieldReader) throws(APIError) -> [String] {
        guard let value = fields.value("stop") else { return [] }
        if case .string(let text) = value { return text.isEmpty ? [] : [try checkStop(text, "stop")] }
        guard case .array = value else {
            throw .wrongType("stop", expected: "a string or a list of strings", found: value)
        }
        var texts: [String] = []
        for (index, item) in (try fields.array("stop", atMost: maximumStops) ?? []).enumerated() {
            guard case .string(let text) = item else {
                throw .wrongType("stop[\(index)]", expected: "a string", found: item)
            }
            texts.append(try checkStop(text, "stop[\(index)]"))
        }
        return texts
    }

    private static func checkStop(_ text: String, _ name: String) throws(APIError) -> String {
        let count = text.utf8.count
        guard (1...maximumStopBytes).contains(count) else {
            throw APIError(
                code: .outOfRange, param: name,
                message: "\(name): holds \(count) bytes, expected 1 to \(maximumStopBytes)")
        }
        return text
    }

    private static func readLogitBias(_ fields: FieldReader) throws(APIError) -> [Int32: Double] {
        guard let object = try fields.object("logit_bias") else { return [:] }
        guard object.count <= maximumBiases else {
            throw APIError(
                code: .outOfRange, param: "logit_bias",
                message: "logit_bias: holds \(object.count) entries, at most \(maximumBiases) are read")
        }
        var biases: [Int32: Double] = [:]
        let entries = FieldReader(object, path: "logit_bias")
        for key in object.keys {
            guard let token = Int32(key), token >= 0 else {
                throw APIError(
                    code: .outOfRange, param: "logit_bias",
                    message: "logit_bias: \"\(key.prefix(40))\" is not a token id")
            }
            biases[token] = try entries.number(key, in: -100...100)
        }
        return biases
    }
}
