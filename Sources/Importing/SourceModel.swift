internal import GGUF
internal import Machine

/// A GGUF file as importing sees it: its values by key with our errors, and its tensors.
struct SourceModel: Sendable {
    let gguf: GGUFFile

    /// Opens the file; its reader checks every length and offset.
    init(path: String) throws(ImportError) {
        do { gguf = try GGUFFile(path: path) } catch { throw .source(error) }
    }

    var path: String { gguf.path }
    var file: MappedFile { gguf.file }

    /// The part of the path after the last slash.
    var fileName: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// A whole number. Some converters write one per layer; then all must be equal.
    func integer(_ key: String) throws(ImportError) -> Int? {
        guard case .array? = gguf.metadata[key] else {
            return try get { () throws(GGUFError) in try gguf.int(key) }
        }
        let numbers = try get { () throws(GGUFError) in try gguf.int32s(key) } ?? []
        guard let first = numbers.first, numbers.allSatisfy({ $0 == first }) else {
            throw .unusableKey(path: path, key: key, reason: "its layers differ, which is not supported")
        }
        return Int(first)
    }

    func number(_ key: String) throws(ImportError) -> Float? {
        try get { () throws(GGUFError) in try gguf.float(key) }
    }

    func flag(_ key: String) throws(ImportError) -> Bool? {
        try get { () throws(GGUFError) in try gguf.bool(key) }
    }

    func text(_ key: String) throws(ImportError) -> String? {
        try get { () throws(GGUFError) in try gguf.string(key) }
    }

    func texts(_ key: String) throws(ImportError) -> [[UInt8]]? {
        try get { () throws(GGUFError) in try gguf.strings(key) }
    }

    func numbers(_ key: String) throws(ImportError) -> [Float]? {
        try get { () throws(GGUFError) in try gguf.floats(key) }
    }

    func int32s(_ key: String) throws(ImportError) -> [Int32]? {
        try get { () throws(GGUFError) in try gguf.int32s(key) }
    }

    func required<Value>(_ value: Value?, _ key: String) throws(ImportError) -> Value {
        guard let value else { throw .missingKey(path: path, key: key) }
        return value
    }

    private func get<Value>(_ body: () throws(GGUFError) -> Value) throws(ImportError) -> Value {
        do { return try body() } catch { throw .source(error) }
    }

    /// `general.*` as texts, for people to read.
    var generalFacts: [String: String] {
        var facts: [String: String] = [:]
        for (key, value) in gguf.metadata where key.hasPrefix("general.") {
            switch value {
            case .string(let text): facts[key] = String(decoding: text.prefix(1024), as: UTF8.self)
            case .unsigned(let number): facts[key] = String(number)
            case .signed(let number): facts[key] = String(number)
            case .float(let number): facts[key] = String(number)
            case .bool(let flag): facts[key] = String(flag)
            case .array:
                guard let texts = try? gguf.strings(key) else { continue }
                facts[key] = texts.prefix(32).map { String(decoding: $0.prefix(256), as: UTF8.self) }
                    .joined(separator: ", ")
            }
        }
        return facts
    }
}
