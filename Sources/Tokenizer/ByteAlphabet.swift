/// The alphabet in which byte-level BPE writes the 256 bytes as printable characters.
///
/// Printable Latin-1 stands for itself; the other 68 bytes, in order, are U+0100 and up, so that a space
/// is "Ġ" (U+0120) and a newline "Ċ" (U+010A).
/// Source: `bytes_to_unicode` of OpenAI's GPT-2.
enum ByteAlphabet {
    /// The UTF-8 form of each byte's character: one or two bytes.
    static let characters: [[UInt8]] = scalars.map { scalar in
        scalar < 0x80
            ? [UInt8(scalar)] : [UInt8(0xC0 | scalar >> 6), UInt8(0x80 | scalar & 0x3F)]
    }

    private static let scalars: [UInt16] = {
        var next: UInt16 = 0x100
        return (UInt16(0)...255).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
            default:
                defer { next += 1 }
                return next
            }
        }
    }()

    /// The byte of each scalar below U+0180, -1 where it is not in the alphabet.
    private static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: 0x180)
        for (byte, scalar) in scalars.enumerated() {
            bytes[Int(scalar)] = Int16(byte)
        }
        return bytes
    }()

    /// Appends the bytes a stored token stands for; what is not in the alphabet stands for itself.
    static func decode(_ text: ArraySlice<UInt8>, into decoded: inout [UInt8]) {
        let bytes = bytes
        var index = text.startIndex
        while index < text.endIndex {
            let first = text[index]
            let second = index + 1 < text.endIndex ? text[index + 1] : 0
            let isPair = 0xC2...0xC5 ~= first && second & 0xC0 == 0x80
            let scalar = isPair ? Int(first & 0x1F) << 6 | Int(second & 0x3F) : Int(first)
            if isPair || first < 0x80, bytes[scalar] >= 0 {
                decoded.append(UInt8(bytes[scalar]))
                index += isPair ? 2 : 1
            } else {
                decoded.append(first)
                index += 1
            }
        }
    }
}
