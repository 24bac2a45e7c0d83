import FoundationEssentials

/// What llama.cpp answered for a model; see `Golden/README.md`.
struct Reference: Decodable {
    var completions: [Completion]
    var tokenize: [Tokenization]
    var chat: [Chat]

    struct Completion: Decodable {
        var prompt: String
        var promptIDs: [Int32]
        var ids: [Int32]
        /// Per step, the ten most probable tokens with their log-probabilities, best first.
        var steps: [[Alternative]]

        private enum CodingKeys: String, CodingKey {
            case prompt, ids
            case promptIDs = "prompt_ids"
            case steps = "top10_logprobs_per_step"
        }
    }

    struct Alternative: Decodable {
        var id: Int32
        var logProbability: Float

        init(from decoder: any Decoder) throws {
            var pair = try decoder.unkeyedContainer()
            id = try pair.decode(Int32.self)
            logProbability = try pair.decode(Float.self)
        }
    }

    struct Tokenization: Decodable {
        var text: String
        var ids: [Int32]
    }

    struct Chat: Decodable {
        var messages: [[String: String]]
        var prompt: String
    }

    static func load(_ name: String, from bundle: String) throws -> Reference {
        let data = try Data(contentsOf: URL(filePath: "\(bundle)/\(name).json"))
        return try JSONDecoder().decode(Reference.self, from: data)
    }
}
