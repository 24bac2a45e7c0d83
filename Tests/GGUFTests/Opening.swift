import GGUF
import Support
import Tensors
import Testing

/// Opens `bytes` as a file called `name`, and hands it to `body` with its path.
func opening<R>(
    _ bytes: [UInt8], as name: String = "model.gguf",
    _ body: (String, Result<GGUFFile, GGUFError>) throws -> R
) throws -> R {
    try withTemporaryDirectory { folder in
        let path = "\(folder)/\(name)"
        try write(bytes, to: path)
        return try body(path, Result { () throws(GGUFError) in try GGUFFile(path: path) })
    }
}

/// Opens the file that `builder` describes.
func opened(_ builder: GGUFBuilder) throws -> GGUFFile {
    // The mapping outlives the name of the file.
    try opening(builder.encoded()) { _, result in try result.get() }
}

/// Expects that opening `bytes` throws exactly `expected`, which is given the path.
func expectRefusal(
    _ bytes: [UInt8], as name: String = "model.gguf", _ expected: (String) -> GGUFError,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    try opening(bytes, as: name) { path, result in
        switch result {
        case .success: Issue.record("opened, expected \(expected(path))", sourceLocation: sourceLocation)
        case .failure(let error): #expect(error == expected(path), sourceLocation: sourceLocation)
        }
    }
}

/// A good file with a value of every kind and two tensors.
func smallFile() -> GGUFBuilder {
    var builder = GGUFBuilder()
    builder.set("general.architecture", .string("llama"))
    builder.set("general.alignment", .uint32(32))
    builder.set("a.whole", .int32(-5))
    builder.set("a.fraction", .float32(0.5))
    builder.set("a.flag", .bool(true))
    builder.set("tokenizer.ggml.tokens", .strings(["a", "", "bc"]))
    builder.set("tokenizer.ggml.scores", .float32s([0, -1, -2.5]))
    builder.set("tokenizer.ggml.token_type", .int32s([1, 3, -1]))
    builder.add("first", shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
    builder.add("second", .q8_0, shape: [2, 32], bytes: [UInt8](repeating: 1, count: 68))
    return builder
}
