internal import WireAPI

/// The messages of a conversation, as the daemon wants them with every question.
struct ChatHistory: Sendable, Equatable {
    static let target = "/v1/chat/completions"

    private(set) var messages: [JSONValue] = []
    private let system: String?

    init(system: String?) {
        self.system = system
        reset()
    }

    /// Forgets everything but the system message.
    mutating func reset() {
        messages = system.map { [["role": "system", "content": .string($0)]] } ?? []
    }

    mutating func ask(_ text: String) { messages.append(["role": "user", "content": .string(text)]) }

    mutating func hear(_ text: String) { messages.append(["role": "assistant", "content": .string(text)]) }

    /// What a typed line means.
    enum Input: Equatable {
        case nothing, exit, help, reset
        /// Starts anew with this system message; without one when `nil`.
        case system(String?)
        case unknown(String)
        case message(String)

        init(_ line: String) {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first else {
                self = .nothing
                return
            }
            guard first.hasPrefix("/") else {
                self = .message(line)
                return
            }
            switch first {
            case "/exit", "/quit": self = .exit
            case "/help": self = .help
            case "/reset": self = .reset
            case "/system":
                let text = words.dropFirst().joined(separator: " ")
                self = .system(text.isEmpty ? nil : text)
            default: self = .unknown(String(first))
            }
        }
    }

    static let help = """
        /reset          forgets the conversation
        /system TEXT    forgets the conversation and tells the model TEXT first
        /exit           leaves, as does Ctrl-D
        Ctrl-C          ends the answer early
        """
}
