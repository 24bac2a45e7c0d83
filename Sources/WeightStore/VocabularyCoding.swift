internal import Tokenizer

/// The tokenizer part of a store: a vocabulary in a compact binary form, made to be read in milliseconds.
enum VocabularyCoding {
    private static let version: UInt32 = 1

    static func encode(_ vocabulary: Vocabulary) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(version)
        append([Array(vocabulary.model.utf8), Array(vocabulary.preTokenizer.utf8)], to: &writer)
        for id in ids(vocabulary) {
            writer.append(id == nil ? UInt32(0) : 1)
            writer.append(UInt32(bitPattern: id ?? 0))
        }
        for flag in [vocabulary.addBOS, vocabulary.addEOS, vocabulary.addSpacePrefix] {
            writer.append(flag.map { $0 ? UInt32(2) : 1 } ?? 0)
        }
        append(vocabulary.tokens, to: &writer)
        append(vocabulary.merges, to: &writer)
        writer.append(UInt32(vocabulary.scores.count))
        for score in vocabulary.scores { writer.append(score.bitPattern) }
        writer.append(UInt32(vocabulary.types.count))
        for type in vocabulary.types { writer.append(UInt32(bitPattern: type)) }
        return writer.bytes
    }

    /// The vocabulary that `bytes` hold; `nil` when they end early, go on too long, or make no sense.
    static func decode(_ bytes: [UInt8]) -> Vocabulary? {
        var reader = ByteReader(bytes)
        guard reader.u32() == version, let names = strings(&reader), names.count == 2 else { return nil }
        var ids: [TokenID?] = []
        for _ in 0..<5 {
            guard let isThere = reader.u32(), isThere < 2, let id = reader.u32() else { return nil }
            ids.append(isThere == 1 ? TokenID(bitPattern: id) : nil)
        }
        var flags: [Bool?] = []
        for _ in 0..<3 {
            guard let flag = reader.u32(), flag < 3 else { return nil }
            flags.append(flag == 0 ? nil : flag == 2)
        }
        guard let tokens = strings(&reader), let merges = strings(&reader), let scores = words(&reader),
            let types = words(&reader), reader.remaining == 0
        else { return nil }
        return Vocabulary(
            model: String(decoding: names[0], as: UTF8.self),
            preTokenizer: String(decoding: names[1], as: UTF8.self), tokens: tokens,
            scores: scores.map { Float(bitPattern: $0) }, types: types.map { Int32(bitPattern: $0) },
            merges: merges, bos: ids[0], eos: ids[1], eot: ids[2], unknown: ids[3], padding: ids[4],
            addBOS: flags[0], addEOS: flags[1], addSpacePrefix: flags[2])
    }

    private static func ids(_ vocabulary: Vocabulary) -> [TokenID?] {
        [vocabulary.bos, vocabulary.eos, vocabulary.eot, vocabulary.unknown, vocabulary.padding]
    }

    /// A count, that many lengths, and the bytes of all strings behind each other.
    private static func append(_ strings: [[UInt8]], to writer: inout ByteWriter) {
        writer.append(UInt32(strings.count))
        for string in strings { writer.append(UInt32(string.count)) }
        for string in strings { writer.append(contentsOf: string) }
    }

    private static func strings(_ reader: inout ByteReader) -> [[UInt8]]? {
        guard let lengths = words(&reader) else { return nil }
        var strings: [[UInt8]] = []
        strings.reserveCapacity(lengths.count)
        for length in lengths {
            guard let bytes = reader.bytes(Int(length)) else { return nil }
            strings.append(Array(bytes))
        }
        return strings
    }

    private static func words(_ reader: inout ByteReader) -> [UInt32]? {
        guard let count = reader.u32().map(Int.init), count <= reader.remaining / 4 else { return nil }
        var words: [UInt32] = []
        words.reserveCapacity(count)
        for _ in 0..<count {
            guard let word = reader.u32() else { return nil }
            words.append(word)
        }
        return words
    }
}
