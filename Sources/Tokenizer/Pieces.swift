/// The bytes each token stands for, in one run: `[count]` ranges of it.
struct Pieces: Sendable {
    private var bytes: [UInt8] = []
    private var starts: [Int] = [0]

    /// - Parameter byteLevel: whether ordinary tokens are written in `ByteAlphabet`, otherwise with
    ///   U+2581 for a space.
    init(_ table: TokenTable, kinds: [TokenKind], byteLevel: Bool) {
        starts.reserveCapacity(table.count + 1)
        for (id, kind) in kinds.enumerated() {
            let text = table.text(TokenID(id))
            if !kind.isDisjoint(with: [.unknown, .control, .userDefined]) {
                bytes.append(contentsOf: text)
            } else if kind.contains(.normal) {
                if byteLevel { ByteAlphabet.decode(text, into: &bytes) } else { appendSpaced(text) }
            } else if kind.contains(.byte), let byte = Self.byte(text) {
                bytes.append(byte)
            }
            starts.append(bytes.count)
        }
    }

    /// Empty for an id that is no token.
    subscript(_ id: TokenID) -> ArraySlice<UInt8> {
        guard id >= 0, Int(id) + 1 < starts.count else { return [] }
        return bytes[starts[Int(id)]..<starts[Int(id) + 1]]
    }

    private mutating func appendSpaced(_ text: ArraySlice<UInt8>) {
        var rest = text
        while let first = rest.first {
            if first == SentencePieceBPE.space[0], rest.starts(with: SentencePieceBPE.space) {
                bytes.append(0x20)
                rest = rest.dropFirst(SentencePieceBPE.space.count)
            } else {
                bytes.append(first)
                rest = rest.dropFirst()
            }
        }
    }

    /// Reads `<0xNN>`.
    private static func byte(_ text: ArraySlice<UInt8>) -> UInt8? {
        guard text.count == 6 else { return nil }
        let text = String(decoding: text, as: UTF8.self)
        guard text.hasPrefix("<0x"), text.hasSuffix(">") else { return nil }
        return UInt8(text.dropFirst(3).dropLast(), radix: 16)
    }
}
