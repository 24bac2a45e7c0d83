package import Generation
package import WireAPI

extension APIError {
    /// The answer to a request the engine refused.
    package init(_ error: GenerationError) {
        let (status, code): (Int, ErrorCode) =
            switch error {
            case .emptyPrompt: (400, .emptyPrompt)
            case .promptTooLong: (400, .contextLengthExceeded)
            case .tokenOutOfRange: (400, .tokenOutOfRange)
            case .unknownProfile: (400, .unknownProfile)
            case .noChatTemplate: (400, .noChatTemplate)
            case .chatTemplate: (400, .chatTemplate)
            case .queueFull: (503, .queueFull)
            case .stopping: (503, .stopping)
            case .weights: (500, .weights)
            }
        self.init(
            status: status, code: code, param: code == .unknownProfile ? "sparsity" : nil,
            message: error.description)
    }

    /// The answer to any error; those without a text for clients become `internal`.
    init(answering error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as GenerationError: self.init(error)
        default:
            self.init(
                status: 500, code: .internal,
                message: "the daemon met an error of its own; its log says which")
        }
    }
}
