package import Machine
internal import Tensors

/// A GGUF file of version 2 or 3: metadata and tensor table in memory, tensor data mapped.
///
/// Everything is checked when the file is opened: counts against the bytes that are left, names for
/// duplicates, tensors against the file's length and each other. A file without tensors holds a vocabulary
/// only. Source: the GGUF specification, `docs/gguf.md` of ggml.
package struct GGUFFile: Sendable {
    package let path: String
    package let version: UInt32
    package let file: MappedFile
    package let metadata: [String: GGUFValue]
    /// The keys of `metadata` in the file's order.
    package let keys: [String]
    /// In the file's order.
    package let tensors: [GGUFTensor]
    private let tensorIndex: [String: Int]

    private static let mostKeys: UInt64 = 1 << 16
    private static let mostTensors: UInt64 = 1 << 18
    /// A key takes at least its length, its type and one byte of value; a tensor its name's length, rank, one
    /// size, type and offset.
    private static let (leastKeyBytes, leastTensorBytes) = (8 + 4 + 1, 8 + 4 + 8 + 4 + 8)

    /// Opens and checks `path`; reads all of the header and none of the tensors' data.
    package init(path: String) throws(GGUFError) {
        let file: MappedFile
        do throws(FileError) { file = try MappedFile(path: path) } catch { throw .file(error) }
        var reader = MetadataReader(ByteCursor(file), path: path)
        version = try Self.version(&reader)
        let tensorCount = try reader.read("tensor count") { (c) throws(OutOfBounds) in try c.u64() }
        let keyCount = try reader.count(
            of: "metadata keys", limit: Self.mostKeys, leastBytes: Self.leastKeyBytes)
        (metadata, keys) = try Self.metadata(&reader, count: keyCount)
        try Self.refuseSplit(path, metadata["split.count"])
        try reader.check(
            tensorCount, of: "tensors", limit: Self.mostTensors, leastBytes: Self.leastTensorBytes)
        let table = try TensorTable(
            &reader, count: Int(tensorCount), alignment: metadata["general.alignment"])
        self.path = path
        self.file = file
        tensors = table.tensors
        tensorIndex = table.index
    }

    package func tensor(named name: String) -> GGUFTensor? { tensorIndex[name].map { tensors[$0] } }

    private static func version(_ reader: inout MetadataReader) throws(GGUFError) -> UInt32 {
        let magic = try reader.read("magic") { (c) throws(OutOfBounds) in try c.bytes(4) }
        guard magic == Array("GGUF".utf8) else { throw .notGGUF(path: reader.path, found: magic) }
        let version = try reader.read("version") { (c) throws(OutOfBounds) in try c.u32() }
        if (1...255).contains(version.byteSwapped) { throw .bigEndian(path: reader.path) }
        guard version == 2 || version == 3 else {
            throw .unsupportedVersion(path: reader.path, found: version)
        }
        return version
    }

    private static func metadata(
        _ reader: inout MetadataReader, count: Int
    ) throws(GGUFError) -> ([String: GGUFValue], [String]) {
        var metadata: [String: GGUFValue] = [:]
        var keys: [String] = []
        for number in 0..<count {
            let offset = reader.cursor.offset
            let key = try reader.name("metadata key \(number)")
            guard metadata[key] == nil else {
                throw .duplicate(path: reader.path, what: "metadata key", name: key, offset: offset)
            }
            metadata[key] = try reader.value(of: key)
            keys.append(key)
        }
        return (metadata, keys)
    }

    /// Parts say how many there are, or are named like `model-00001-of-00003.gguf`.
    private static func refuseSplit(_ path: String, _ value: GGUFValue?) throws(GGUFError) {
        switch value {
        case .unsigned(let parts)? where parts > 1: throw .split(path: path, parts: parts)
        case .signed(let parts)? where parts > 1: throw .split(path: path, parts: UInt64(parts))
        default: break
        }
        let words = path.split(separator: "-").suffix(3)
        guard words.count == 3, let last = words.last, last.hasSuffix(".gguf") else { return }
        let (number, of, total) = (words[words.startIndex], words[words.startIndex + 1], last.dropLast(5))
        guard of == "of", number.utf8.count == 5, total.utf8.count == 5, UInt64(number) != nil,
            let parts = UInt64(total), parts > 1
        else { return }
        throw .split(path: path, parts: parts)
    }
}
