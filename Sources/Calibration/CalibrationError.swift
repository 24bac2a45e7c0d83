package import Machine

/// Why a text or a request cannot be calibrated with.
package enum CalibrationError: Error, Equatable, CustomStringConvertible {
    case file(FileError)
    case emptyText(path: String)
    /// Not UTF-8, or with zero bytes in it.
    case binaryText(path: String)
    case shortText(path: String, tokens: Int, needed: Int)
    case sparsityOutOfRange(Double)

    package var description: String {
        switch self {
        case .file(let error): error.description
        case .emptyText(let path): "\(path): the file is empty; give a text of a few thousand words"
        case .binaryText(let path): "\(path): not UTF-8 text; give a plain text file"
        case .shortText(let path, let tokens, let needed):
            "\(path): \(tokens) tokens, at least \(needed) are needed; give a longer text"
        case .sparsityOutOfRange(let sparsity):
            "sparsity \(sparsity) is not from 0 to 0.99"
        }
    }
}
