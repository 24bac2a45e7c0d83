internal import WeightStore

/// What sets one family of models apart: a table of choices, so that the next family is a small file.
struct Architecture: Sendable {
    /// `general.architecture`, which is also the prefix of its keys.
    let name: String
    let activation: ModelParameters.Activation
    let ropeStyle: RotaryParameters.Style
    /// See `ModelParameters.headNorms`.
    var hasHeadNorms = false
    /// See `ModelParameters.unturnedEach`.
    var unturnedEach: Int?
    /// Keys, without the prefix, that make a model of this family something this program does not run,
    /// when they hold a number above 0 or a text. Value: what such a model is.
    let refusedKeys: [String: String]
    /// Ends of tensor names that every reader of this family ignores.
    let harmlessTensors: [String]

    static let all: [Architecture] = [.llama, .qwen2, .qwen3, .smollm3]

    static func named(_ name: String) -> Architecture? { all.first { $0.name == name } }
}
