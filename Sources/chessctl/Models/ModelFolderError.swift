/// Why the folder of models cannot be changed as asked.
enum ModelFolderError: Error, Equatable, CustomStringConvertible {
    case noFolder(path: String)
    /// `verb` is what this user may not do: read, change.
    case notAllowed(path: String, verb: String)
    /// The name cannot be a model's, and why.
    case name(String, String)
    case unknown(name: String, path: String, known: [String])
    case exists(name: String, path: String)
    case isDefault(name: String)
    /// A file or folder stands where the link belongs.
    case notALink(path: String)
    case full(path: String, needs: Int, has: Int)

    var description: String {
        switch self {
        case .noFolder(let path):
            "\(path): there is no such folder; install the package, or name another with --directory"
        case .notAllowed(let path, let verb):
            "\(path): you may not \(verb) it; use sudo, or name another folder with --directory"
        case .name(let name, let problem):
            "\"\(name)\": the name \(problem); choose another with --name"
        case .unknown(let name, let path, let known):
            "\(path): there is no model \(name); "
                + (known.isEmpty
                    ? "add one with chessctl models add" : "there are \(known.joined(separator: ", "))")
        case .exists(let name, let path):
            "\(path): there is a model \(name) already; choose another name with --name, or replace it with --force"
        case .isDefault(let name):
            "\(name) is the default; choose another with chessctl models default, or remove it with --force"
        case .notALink(let path):
            "\(path): is not a link to a model; give it another name first"
        case .full(let path, let needs, let has):
            "\(path): the model needs at least \(Readable.megabytes(needs)) MB, \(Readable.megabytes(has)) are free; "
                + "remove another model, or name a folder elsewhere with --directory"
        }
    }

    /// The exit code of sysexits.h that says the same to a script.
    var exitCode: Int32 {
        switch self {
        case .name, .isDefault: 64
        case .noFolder, .unknown: 66
        case .exists, .notALink, .full: 73
        case .notAllowed: 77
        }
    }
}
