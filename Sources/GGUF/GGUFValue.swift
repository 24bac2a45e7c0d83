/// A metadata value. Arrays stay in the file until they are asked for: vocabularies are large.
package enum GGUFValue: Sendable, Equatable {
    case unsigned(UInt64)
    case signed(Int64)
    case float(Double)
    case bool(Bool)
    case string([UInt8])
    case array(GGUFArray)

    /// What it is, for error messages: `the number 3`, `an array of 2 strings`.
    var kind: String {
        switch self {
        case .unsigned, .signed, .float: "the number \(self)"
        case .bool: "the boolean \(self)"
        case .string: "the string \(self)"
        case .array(let array): "an array of \(array)"
        }
    }
}

extension GGUFValue: CustomStringConvertible {
    /// On one line: strings quoted and cut after 60 characters, of arrays what and how many they hold.
    package var description: String {
        switch self {
        case .unsigned(let number): return "\(number)"
        case .signed(let number): return "\(number)"
        // Most are float32 in the file; as such they print short.
        case .float(let number):
            return Double(Float(number)) == number ? "\(Float(number))" : "\(number)"
        case .bool(let flag): return "\(flag)"
        case .array(let array): return "\(array)"
        case .string(let bytes):
            let text = String(decoding: bytes.prefix(256), as: UTF8.self)
            let shown = text.prefix(60)
            return "\(String(shown).debugDescription)\(shown.utf8.count < bytes.count ? "..." : "")"
        }
    }
}

/// A metadata array: its element type, how many there are, and where they lie in the file.
package struct GGUFArray: Sendable, Equatable, CustomStringConvertible {
    package let element: GGUFScalarType
    package let count: Int
    /// Checked when the file was opened: `count` elements and nothing else.
    let range: Range<Int>

    package var description: String { "\(count) \(element)\(count == 1 ? "" : "s")" }
}

/// The types of GGUF metadata values other than arrays, with their ids.
package enum GGUFScalarType: UInt32, Sendable {
    case uint8 = 0
    case int8 = 1
    case uint16 = 2
    case int16 = 3
    case uint32 = 4
    case int32 = 5
    case float32 = 6
    case bool = 7
    case string = 8
    case uint64 = 10
    case int64 = 11
    case float64 = 12

    /// The id of an array.
    static let arrayID: UInt32 = 9

    /// Bytes of a value; the fewest there can be for a string.
    var byteCount: Int {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .string, .uint64, .int64, .float64: 8
        }
    }
}
