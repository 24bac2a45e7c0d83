package import GGUF
package import WeightStore

/// Why a model cannot be imported. Each case carries what a person needs to choose or repair the source.
package enum ImportError: Error, CustomStringConvertible {
    case source(GGUFError)
    case store(StoreError)
    case unsupportedArchitecture(path: String, name: String, supported: [String])
    case missingKey(path: String, key: String)
    /// A key holds another type or a value outside its range.
    case unusableKey(path: String, key: String, reason: String)
    /// The model is of a kind this program does not run.
    case unsupportedModel(path: String, key: String, what: String)
    case unusableParameters(path: String, reason: String)
    case missingTensor(path: String, tensor: String)
    case unexpectedTensor(path: String, tensor: String, architecture: String)
    case wrongShape(path: String, tensor: String, found: [Int], expected: [Int])
    case unsupportedType(path: String, tensor: String, type: String, supported: [String])
    /// The target is the source.
    case sameFile(path: String)

    package var description: String {
        switch self {
        case .source(let error): "\(error)"
        case .store(let error): error.description
        case .unsupportedArchitecture(let path, let name, let supported):
            "\(path): general.architecture is \"\(name)\", supported are \(Self.list(supported)); "
                + "choose a model of one of these"
        case .missingKey(let path, let key):
            "\(path): there is no key \"\(key)\"; convert the model again, or choose another file"
        case .unusableKey(let path, let key, let reason):
            "\(path): key \"\(key)\": \(reason); convert the model again"
        case .unsupportedModel(let path, let key, let what):
            "\(path): key \"\(key)\" says that this is \(what), which is not supported; choose a plain model"
        case .unusableParameters(let path, let reason):
            "\(path): \(reason); convert the model again, or choose another"
        case .missingTensor(let path, let tensor):
            "\(path): there is no tensor \"\(tensor)\"; the file may hold a vocabulary only, or be a part of a model"
        case .unexpectedTensor(let path, let tensor, let architecture):
            "\(path): tensor \"\(tensor)\" has no place in a model of architecture \(architecture); "
                + "without it the answers would be wrong, so choose another model"
        case .wrongShape(let path, let tensor, let found, let expected):
            "\(path): tensor \"\(tensor)\" is \(found), the hyperparameters say \(expected); convert the model again"
        case .unsupportedType(let path, let tensor, let type, let supported):
            "\(path): tensor \"\(tensor)\" is of type \(type), supported are \(Self.list(supported)); "
                + "choose another quantisation"
        case .sameFile(let path): "\(path): is the source itself; choose another name for the store"
        }
    }

    private static func list(_ names: [String]) -> String { names.joined(separator: ", ") }
}
