import GGUF
import Support
import Tensors
import Testing

@Suite struct DamageTests {
    @Test func aFileCutAnywhereIsRefused() throws {
        let bytes = smallFile().encoded()
        try withTemporaryDirectory { folder in
            let path = "\(folder)/m.gguf"
            for length in bytes.indices {
                try write(Array(bytes[..<length]), to: path)
                #expect(throws: GGUFError.self, "\(length) of \(bytes.count) bytes") {
                    try GGUFFile(path: path)
                }
            }
        }
    }

    @Test func aVocabularyCutAnywhereIsRefused() throws {
        var builder = smallFile()
        builder.tensors = []
        let bytes = builder.encoded()
        try withTemporaryDirectory { folder in
            let path = "\(folder)/m.gguf"
            for length in bytes.indices {
                try write(Array(bytes[..<length]), to: path)
                #expect(throws: GGUFError.self, "\(length) of \(bytes.count) bytes") {
                    try GGUFFile(path: path)
                }
            }
        }
    }

    /// Wherever a bit is wrong the file opens or is refused with its name; what opens can be read to the end.
    @Test func noSingleBitTraps() throws {
        let bytes = smallFile().encoded()
        var random = SplitMix64(seed: 2)
        var refused = 0
        try withTemporaryDirectory { folder in
            let path = "\(folder)/m.gguf"
            for _ in 0..<3000 {
                let place = Int.random(in: 0..<bytes.count * 8, using: &random)
                var damaged = bytes
                damaged[place / 8] ^= 1 << UInt8(place % 8)
                try write(damaged, to: path)
                do throws(GGUFError) {
                    if !canBeRead(try GGUFFile(path: path)) { Issue.record("bit \(place)") }
                } catch {
                    refused += 1
                    if !"\(error)".hasPrefix(path) { Issue.record("bit \(place): \(error)") }
                }
            }
        }
        // Values, names' letters and tensor data may change unnoticed; lengths, types and counts may not.
        #expect(refused > 750 && refused < 3000)
    }

    /// Asks for everything in every way; whether all came in full. Thousands of `#expect` would be slow.
    private func canBeRead(_ file: GGUFFile) -> Bool {
        for key in file.keys {
            _ = (try? file.int(key), try? file.float(key), try? file.bool(key), try? file.string(key))
            _ = (try? file.strings(key), try? file.floats(key), try? file.int32s(key))
            guard file.metadata[key]?.description.isEmpty == false else { return false }
        }
        return file.tensors.allSatisfy { $0.decoded(in: file).count == $0.elementCount }
    }
}
