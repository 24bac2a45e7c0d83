internal import WireAPI

/// What a request asks for, by its method and path.
enum Route: Equatable {
    case health
    case models
    case model(name: String)
    case chat
    case completion
    /// What a client needs that counts tokens with the model's own tokenizer; the paths are vLLM's.
    case tokenizerInfo
    case tokenize
    case detokenize

    private static let list =
        "GET /health, GET /v1/models, POST /v1/chat/completions, POST /v1/completions, GET /tokenizer_info, "
        + "POST /tokenize, POST /detokenize"

    /// - Parameter target: the request target, with or without a query.
    init(method: String, target: String) throws(APIError) {
        let path = String(target.prefix { $0 != "?" && $0 != "#" })
        let route: Route
        switch path {
        case "/health": route = .health
        case "/v1/models": route = .models
        case "/v1/chat/completions": route = .chat
        case "/v1/completions": route = .completion
        case "/tokenizer_info": route = .tokenizerInfo
        case "/tokenize": route = .tokenize
        case "/detokenize": route = .detokenize
        case _ where path.hasPrefix("/v1/models/"): route = .model(name: String(path.dropFirst(11)))
        default:
            throw APIError(
                status: 404, code: .unknownPath,
                message: "\(path.prefix(80)): no such path; there are \(Self.list)")
        }
        guard method == route.method else {
            throw APIError(
                status: 405, code: .methodNotAllowed,
                message: "\(path.prefix(80)): answers \(route.method), not \(method.prefix(20))")
        }
        self = route
    }

    var method: String {
        switch self {
        case .health, .models, .model, .tokenizerInfo: "GET"
        case .chat, .completion, .tokenize, .detokenize: "POST"
        }
    }
}
