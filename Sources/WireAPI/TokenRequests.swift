/// The body of `POST /tokenize`, with the names vLLM gave this request.
package struct TokenizeRequest: Sendable, Equatable {
    package var text: String
    /// Puts the model's begin token in front when the model wants one.
    package var addSpecial: Bool

    static let known: Set<String> = ["prompt", "add_special_tokens", "model"]

    package init(body: [UInt8]) throws(APIError) {
        let reader = FieldReader(try JSONObject(requestBody: body))
        try reader.refuseUnknown(known: Self.known)
        guard let text = try reader.string("prompt") else {
            throw APIError(
                code: .missingField, param: "prompt", message: "prompt: missing; expected a string")
        }
        self.text = text
        addSpecial = try reader.bool("add_special_tokens") ?? true
    }
}

/// The body of `POST /detokenize`.
package struct DetokenizeRequest: Sendable, Equatable {
    package var tokens: [Int32]

    static let known: Set<String> = ["tokens", "model"]

    package init(body: [UInt8]) throws(APIError) {
        let reader = FieldReader(try JSONObject(requestBody: body))
        try reader.refuseUnknown(known: Self.known)
        guard let items = try reader.array("tokens", atMost: .max) else {
            throw APIError(
                code: .missingField, param: "tokens", message: "tokens: missing; expected a list of token ids"
            )
        }
        tokens = try reader.tokens(items, name: "tokens")
    }
}
