package import Machine

/// Why a sparsity profile cannot be read, written or used.
package enum ProfileError: Error, Equatable, CustomStringConvertible {
    /// The operating system refused.
    case file(FileError)
    case notAProfile(path: String)
    case newerFormat(path: String, found: UInt32, newestKnown: UInt32)
    case wrongLength(path: String, expected: Int, found: Int)
    case checksum(path: String, part: String, expected: UInt32, found: UInt32)
    /// A part is whole, but says something no reader can use.
    case unreadable(path: String, reason: String)
    case otherModel(path: String, madeFor: String, madeForHash: String, model: String, modelHash: String)
    case otherShape(path: String, madeFor: String, model: String, modelShape: String)
    /// The target exists and may not be replaced.
    case exists(path: String)
    /// The target's folder is not there.
    case noFolder(path: String, folder: String)

    package var description: String {
        switch self {
        case .file(let error): error.description
        case .notAProfile(let path):
            "\(path): the first 8 bytes are not \"CHESSPR1\"; give a file made by \"chessctl calibrate\""
        case .newerFormat(let path, let found, let known):
            "\(path): format \(found), this build reads up to \(known); upgrade the program or calibrate again"
        case .wrongLength(let path, let expected, let found):
            "\(path): \(found) bytes long, its header says \(expected); copy it or calibrate again"
        case .checksum(let path, let part, let expected, let found):
            "\(path): \(part) has checksum \(String(found, radix: 16)), written was "
                + "\(String(expected, radix: 16)); copy it or calibrate again"
        case .unreadable(let path, let reason):
            "\(path): \(reason); calibrate again"
        case .otherModel(let path, let madeFor, let madeForHash, let model, let modelHash):
            "\(path): made for \(madeFor) (source sha256 \(madeForHash.prefix(16))), but \(model) has source "
                + "sha256 \(modelHash.prefix(16)); calibrate this model, or give the profile's own"
        case .otherShape(let path, let madeFor, let model, let modelShape):
            "\(path): made for \(madeFor), but \(model) has \(modelShape); calibrate again"
        case .exists(let path):
            "\(path): exists already; choose another name, or replace it with --force"
        case .noFolder(let path, let folder):
            "\(path): there is no folder \(folder); create it first, or choose another"
        }
    }
}
