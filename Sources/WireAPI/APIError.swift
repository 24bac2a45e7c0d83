/// What a client can tell apart without reading English; these words never change.
package enum ErrorCode: String, Sendable, Equatable, CaseIterable {
    case malformedHTTP = "malformed_http"
    case malformedJSON = "malformed_json"
    case wrongType = "wrong_type"
    case outOfRange = "out_of_range"
    case missingField = "missing_field"
    case unknownField = "unknown_field"
    case unsupported = "unsupported"
    case bodyTooLarge = "body_too_large"
    case unknownPath = "unknown_path"
    case modelNotFound = "model_not_found"
    case methodNotAllowed = "method_not_allowed"
    case emptyPrompt = "empty_prompt"
    case contextLengthExceeded = "context_length_exceeded"
    case tokenOutOfRange = "token_out_of_range"
    case unknownProfile = "unknown_profile"
    case noChatTemplate = "no_chat_template"
    case chatTemplate = "chat_template"
    case queueFull = "queue_full"
    case stopping = "stopping"
    case weights = "weights"
    case `internal` = "internal"
}

/// An answer that is not a result, in OpenAI's shape `{"error": {message, type, param, code}}`.
package struct APIError: Error, Equatable, CustomStringConvertible {
    /// HTTP status.
    package var status: Int
    package var code: ErrorCode
    /// The field of the request at fault, such as `messages[2].content`.
    package var param: String?
    package var message: String

    package init(status: Int = 400, code: ErrorCode, param: String? = nil, message: String) {
        self.status = status
        self.code = code
        self.param = param
        self.message = message
    }

    package var description: String { message }

    /// OpenAI's broad class of the error, derived from the status.
    package var type: String {
        switch status {
        case 404: "not_found_error"
        case 500...: status == 503 ? "overloaded_error" : "server_error"
        default: "invalid_request_error"
        }
    }

    package var json: JSONValue {
        [
            "error": [
                "message": .string(message), "type": .string(type),
                "param": param.map { .string($0) } ?? .null, "code": .string(code.rawValue),
            ]
        ]
    }

    package static func wrongType(_ field: String, expected: String, found: JSONValue) -> APIError {
        APIError(
            code: .wrongType, param: field, message: "\(field): expected \(expected), found \(found.kind)")
    }

    package static func unsupported(_ field: String, _ reason: String) -> APIError {
        APIError(code: .unsupported, param: field, message: "\(field): \(reason)")
    }
}
