package import Machine

/// Why a weight store cannot be opened, read or written. Each case carries what a person needs to fix it.
package enum StoreError: Error, Equatable, CustomStringConvertible {
    /// The operating system refused.
    case file(FileError)
    /// The file does not begin like a store.
    case notAStore(path: String, isGGUF: Bool)
    case newerFormat(path: String, found: UInt32, newestKnown: UInt32)
    /// The header promises another length than the file has.
    case wrongLength(path: String, expected: Int, found: Int)
    /// Bytes are not what was written.
    case checksum(path: String, part: String, offset: Int, expected: UInt32, found: UInt32)
    /// A range leaves the bytes it must lie in.
    case outOfBounds(path: String, part: String, offset: Int, needs: Int, has: Int)
    /// Two numbers that must agree do not.
    case mismatch(path: String, part: String, what: String, expected: Int, found: Int)
    /// A part is there and whole, but says something no reader can use.
    case unreadable(path: String, part: String, offset: Int, reason: String)
    case missingTensor(path: String, tensor: String)
    /// The target exists and may not be replaced.
    case exists(path: String)
    /// The target's folder is not there.
    case noFolder(path: String, folder: String)

    package var description: String {
        switch self {
        case .file(let error): error.description
        case .notAStore(let path, true):
            "\(path): this is a GGUF file, not a weight store; run \"chessctl import\" on it first"
        case .notAStore(let path, false):
            "\(path): the first 8 bytes are not \"CHESSWT1\"; give a file made by \"chessctl import\""
        case .newerFormat(let path, let found, let known):
            "\(path): format \(found), this build reads up to \(known); upgrade the program or import again"
        case .wrongLength(let path, let expected, let found):
            "\(path): \(found) bytes long, its header says \(expected); copy or import it again"
        case .checksum(let path, let part, let offset, let expected, let found):
            "\(path): \(part) at byte \(offset) has checksum \(hex(found)), written was \(hex(expected)); "
                + "copy or import the file again"
        case .outOfBounds(let path, let part, let offset, let needs, let has):
            "\(path): \(part) at byte \(offset) needs \(needs) bytes, there are \(has); import again"
        case .mismatch(let path, let part, let what, let expected, let found):
            "\(path): \(part): \(what) is \(found), \(expected) was expected; import again"
        case .unreadable(let path, let part, let offset, let reason):
            "\(path): \(part) at byte \(offset): \(reason); import again"
        case .missingTensor(let path, let tensor):
            "\(path): there is no tensor \"\(tensor)\"; import the model again"
        case .exists(let path):
            "\(path): exists already; choose another name, or replace it with --force"
        case .noFolder(let path, let folder):
            "\(path): there is no folder \(folder); create it first, or choose another"
        }
    }

    private func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
