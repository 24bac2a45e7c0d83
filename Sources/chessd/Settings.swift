package import Logging
package import Machine
package import Server

/// Everything the daemon can be told, checked and complete.
package struct Settings: Sendable, Equatable {
    /// Path of the `.chess` file.
    package var model: String
    package var socket: String
    /// A loopback address to listen on beside the socket.
    package var listen: ListenAddress?
    /// Compute threads; `nil` takes one per core the daemon may use.
    package var threads: Int?
    /// Tokens of context; `nil` takes 4096, or the model's own length when that is less.
    package var context: Int?
    /// Name of a kernel set; `nil` takes the best the processor has.
    package var kernels: String?
    /// How keys and values lie in the cache: a word of `CacheFormat`.
    package var keyValueCache: String
    /// Where the weights live: a word of `Residency`.
    package var weights: String
    /// What the process may take; `nil` for no limit.
    package var memoryBudget: MemoryBudget?
    /// Paths of sparsity profiles; the first serves requests that name none.
    package var profiles: [String]
    /// Whether prompts leave channels out too.
    package var sparsePrefill: Bool
    package var logLevel: Logger.Level
    /// Whether the log holds prompts and answers.
    package var logTexts: Bool
    /// Requests that may wait.
    package var queue: Int
    package var limits: ServerLimits

    package static let defaultSocket = "/run/chessd/chessd.sock"
}

/// A setting's name, its default as text, and what it means; the one list all three sources share.
struct SettingKey: Sendable, Equatable {
    let name: String
    let fallback: String?
    let range: ClosedRange<Int>?

    static let model = SettingKey(name: "model", fallback: nil, range: nil)
    static let socket = SettingKey(name: "socket", fallback: Settings.defaultSocket, range: nil)
    static let listen = SettingKey(name: "listen", fallback: nil, range: nil)
    static let threads = SettingKey(name: "threads", fallback: nil, range: 1...256)
    static let context = SettingKey(name: "context", fallback: nil, range: 16...1_048_576)
    static let kernels = SettingKey(name: "kernels", fallback: nil, range: nil)
    static let keyValueCache = SettingKey(name: "kv-cache", fallback: "f16", range: nil)
    static let weights = SettingKey(name: "weights", fallback: "auto", range: nil)
    static let memoryBudget = SettingKey(name: "memory-budget", fallback: nil, range: nil)
    static let profile = SettingKey(name: "profile", fallback: nil, range: nil)
    static let sparsePrefill = SettingKey(name: "sparse-prefill", fallback: "false", range: nil)
    static let logLevel = SettingKey(name: "log-level", fallback: "info", range: nil)
    static let queue = SettingKey(name: "queue", fallback: "8", range: 0...1024)
    static let grace = SettingKey(name: "grace", fallback: "5", range: 0...3600)
    static let bodyLimit = SettingKey(name: "body-limit", fallback: "1048576", range: 1024...268_435_456)
    static let connections = SettingKey(name: "connections", fallback: "64", range: 1...4096)
    static let idleTimeout = SettingKey(name: "idle-timeout", fallback: "60", range: 1...86_400)
    static let clientTimeout = SettingKey(name: "client-timeout", fallback: "30", range: 1...86_400)
    static let idleExit = SettingKey(name: "idle-exit", fallback: "0", range: 0...604_800)
    static let logTexts = SettingKey(name: "log-texts", fallback: "false", range: nil)

    static let all: [SettingKey] = [
        model, socket, listen, threads, context, kernels, keyValueCache, weights, memoryBudget, profile,
        sparsePrefill,
        logLevel, queue,
        grace, bodyLimit,
        connections,
        idleTimeout, clientTimeout,
        idleExit, logTexts,
    ]

    /// `log-level` is `CHESSD_LOG_LEVEL`.
    var environmentName: String {
        "CHESSD_" + String(name.uppercased().map { $0 == "-" ? "_" : $0 })
    }
}
