package import Machine
package import Tensors

/// Why a GGUF file cannot be read. Every case names the file, and the place in it.
package enum GGUFError: Error, Equatable {
    case file(FileError)
    case notGGUF(path: String, found: [UInt8])
    case bigEndian(path: String)
    case unsupportedVersion(path: String, found: UInt32)
    /// The file ends within `what`, of which `needed` bytes begin at `offset`.
    case truncated(path: String, what: String, offset: Int, needed: Int, available: Int)
    /// A count that cannot be meant; nothing was allocated. The counted things would begin at `offset`.
    case tooMany(path: String, what: String, offset: Int, found: UInt64, limit: UInt64)
    case notUTF8(path: String, what: String, offset: Int)
    case unknownValueType(path: String, key: String, offset: Int, found: UInt32)
    case nestedArray(path: String, key: String, offset: Int)
    case notABoolean(path: String, key: String, offset: Int, found: UInt8)
    case duplicate(path: String, what: String, name: String, offset: Int)
    /// A key was asked for that holds something else.
    case wrongType(path: String, key: String, expected: String, found: String)
    case split(path: String, parts: UInt64)
    case alignment(path: String, found: UInt64)
    case tensor(path: String, name: String, fault: GGUFTensorFault)
}

/// What is wrong with an entry of the tensor table. Offsets are absolute unless they say otherwise.
package enum GGUFTensorFault: Equatable, Sendable {
    case rank(offset: Int, found: UInt32)
    /// `found` is innermost first, as the file has it.
    case sizes(offset: Int, found: [UInt64])
    case type(offset: Int, found: UInt32)
    case partialBlock(type: ElementType, columns: Int)
    case outsideFile(offset: UInt64, needed: Int, fileLength: Int)
    /// `dataOffset` counts from the start of the data, `dataStart`.
    case misaligned(dataOffset: UInt64, dataStart: Int, alignment: Int)
    case overlap(offset: Int, other: String, otherEnd: Int)
}

extension GGUFError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .notGGUF(let path, let found):
            "\(path): begins with the bytes \(found), a GGUF file with [71, 71, 85, 70]; "
                + "check that it is a model"
        case .bigEndian(let path):
            "\(path): version at byte 4 is big-endian, only little-endian files are read; "
                + "convert the model again"
        case .unsupportedVersion(let path, let found):
            "\(path): version \(found) at byte 4, versions 2 and 3 are read; convert the model again"
        case .truncated(let path, let what, let offset, let needed, let available):
            "\(path): \(what) at byte \(offset) needs \(needed) bytes, \(available) are left; \(damaged)"
        case .tooMany(let path, let what, let offset, let found, let limit):
            "\(path): \(found) \(what) at byte \(offset), at most \(limit) are possible; \(damaged)"
        case .notUTF8(let path, let what, let offset):
            "\(path): \(what) at byte \(offset) is not UTF-8; \(damaged)"
        case .unknownValueType(let path, let key, let offset, let found):
            "\(path): \(key) at byte \(offset) has value type \(found), types 0 to 12 exist; \(damaged)"
        case .nestedArray(let path, let key, let offset):
            "\(path): \(key) at byte \(offset) is an array of arrays, only arrays of plain values are read; "
                + "convert the model without this key"
        case .notABoolean(let path, let key, let offset, let found):
            "\(path): \(key) at byte \(offset) is a boolean of value \(found), 0 and 1 are allowed; "
                + damaged
        case .duplicate(let path, let what, let name, let offset):
            "\(path): \(what) \(name) at byte \(offset) occurs a second time; \(damaged)"
        case .wrongType(let path, let key, let expected, let found):
            "\(path): \(key) is \(found), expected \(expected); convert the model again"
        case .split(let path, let parts):
            "\(path): one of \(parts) parts of a split model, only whole ones are read; "
                + "join them with llama-gguf-split --merge"
        case .alignment(let path, let found):
            "\(path): general.alignment is \(found), powers of two up to 65536 are read; "
                + "convert the model again"
        case .tensor(let path, let name, let fault): "\(path): tensor \(name) \(fault)"
        }
    }
}

extension GGUFTensorFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .rank(let offset, let found):
            "at byte \(offset) has \(found) dimensions, 1 to \(Shape.maximumRank) are allowed; \(damaged)"
        case .sizes(let offset, let found):
            "at byte \(offset) has sizes \(found), "
                + "positive ones of a product below 2^48 are allowed; \(damaged)"
        case .type(let offset, let found):
            "at byte \(offset) has type \(found)\(ElementType.foreignName(found).map { " (\($0))" } ?? ""), "
                + "\(ElementType.allNames) are read; quantise the model to one of these"
        case .partialBlock(let type, let columns):
            "has rows of \(columns) elements, \(type.name) needs a multiple of \(type.blockElements); "
                + "quantise the model again"
        case .outsideFile(let offset, let needed, let fileLength):
            "at byte \(offset) needs \(needed) bytes, the file has \(fileLength); \(damaged)"
        case .misaligned(let dataOffset, let dataStart, let alignment):
            "begins \(dataOffset) bytes after the data's start at byte \(dataStart), "
                + "a multiple of \(alignment) is needed; \(damaged)"
        case .overlap(let offset, let other, let otherEnd):
            "at byte \(offset) overlaps \(other), which ends at byte \(otherEnd); \(damaged)"
        }
    }
}

/// What to do about bytes that no writer would have written.
private let damaged = "the copy was cut short or damaged, fetch it again"
