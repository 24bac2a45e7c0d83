import Machine

@testable import Importing

/// Imports with two threads and nobody watching.
@discardableResult
func importModel(
    _ source: String, _ target: String, _ compression: Compression, overwrite: Bool = false,
    progress: @Sendable (Importer.Progress) -> Void = { _ in }
) async throws -> ImportReport {
    try await Importer.run(
        source: source, target: target, compression: compression, overwrite: overwrite, threads: 2,
        importer: "test", progress: progress)
}

enum MappedBytes {
    /// All bytes of a file.
    static func of(_ path: String) throws -> [UInt8] {
        let file = try MappedFile(path: path)
        return file.bytes(0..<file.byteCount)
    }
}
