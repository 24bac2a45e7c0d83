/// The first 128 bytes of a store: where everything else is.
struct StoreHeader: Equatable {
    /// A range of the file that holds one part, and the checksum of its bytes.
    struct Part: Equatable {
        var offset: Int
        var byteCount: Int
        var checksum: UInt32

        var range: Range<Int> { offset..<offset + byteCount }
    }

    var fileBytes: Int
    var metadata: Part
    var vocabulary: Part
    var index: Part

    /// The header as it is written, its own checksum last.
    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(contentsOf: StoreFormat.magic)
        writer.append(StoreFormat.version)
        writer.append(UInt32(StoreFormat.headerBytes))
        writer.append(UInt64(fileBytes))
        for part in [metadata, vocabulary, index] {
            writer.append(UInt64(part.offset))
            writer.append(UInt64(part.byteCount))
        }
        for part in [metadata, vocabulary, index] { writer.append(part.checksum) }
        writer.pad(to: StoreFormat.headerBytes - 4)
        writer.append(Checksum.crc32c(writer.bytes))
        return writer.bytes
    }

    /// Reads and checks the header of a file of `fileBytes` bytes that begins with `bytes`.
    init(_ bytes: [UInt8], path: String, fileBytes: Int) throws(StoreError) {
        guard bytes.starts(with: StoreFormat.magic) else {
            throw .notAStore(path: path, isGGUF: bytes.starts(with: Array("GGUF".utf8)))
        }
        let size = StoreFormat.headerBytes
        guard bytes.count >= size else {
            throw .outOfBounds(path: path, part: "header", offset: 0, needs: size, has: bytes.count)
        }
        var reader = ByteReader(bytes)
        _ = reader.bytes(StoreFormat.magic.count)
        if let version = reader.u32(), version != StoreFormat.version {
            throw .newerFormat(path: path, found: version, newestKnown: StoreFormat.version)
        }
        var tail = ByteReader(Array(bytes[(size - 4)..<size]))
        let written = tail.u32() ?? 0
        let found = Checksum.crc32c(bytes, 0..<size - 4)
        guard written == found else {
            throw .checksum(path: path, part: "header", offset: 0, expected: written, found: found)
        }
        try self.init(fields: &reader, path: path, fileBytes: fileBytes)
    }

    private init(fields reader: inout ByteReader, path: String, fileBytes: Int) throws(StoreError) {
        let headerBytes = Int(reader.u32() ?? 0)
        guard headerBytes == StoreFormat.headerBytes else {
            throw .mismatch(
                path: path, part: "header", what: "its length", expected: StoreFormat.headerBytes,
                found: headerBytes)
        }
        let length = reader.length() ?? -1
        guard length == fileBytes else {
            throw .wrongLength(path: path, expected: length, found: fileBytes)
        }
        var ranges: [(Int, Int)] = []
        for name in ["metadata", "tokenizer", "index"] {
            guard let offset = reader.length(), let count = reader.length(),
                offset >= StoreFormat.headerBytes, offset <= length, count <= length - offset
            else {
                throw .outOfBounds(
                    path: path, part: name, offset: reader.offset, needs: length, has: fileBytes)
            }
            ranges.append((offset, count))
        }
        let parts = ranges.map { Part(offset: $0.0, byteCount: $0.1, checksum: reader.u32() ?? 0) }
        self.fileBytes = length
        (metadata, vocabulary, index) = (parts[0], parts[1], parts[2])
    }

    init(fileBytes: Int, metadata: Part, vocabulary: Part, index: Part) {
        self.fileBytes = fileBytes
        self.metadata = metadata
        self.vocabulary = vocabulary
        self.index = index
    }
}
