internal import ArgumentParser
internal import GGUF
internal import Tensors

/// `chessctl models add`: imports a model for the installed daemon.
struct ModelsAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Import a GGUF model for the installed daemon.",
        discussion: """
            Like chessctl import, into the daemon's folder. The model becomes the folder's owner's. It is the \
            default when it is the first, or with --default. It is there under its name only when it is complete.

              sudo chessctl models add model.gguf
              sudo chessctl models add model.gguf --name small --default

            Exit codes: 64 usage, 65 a model that cannot be imported, 66 no such model or folder, 73 the name is \
            taken or there is no room, 74 cannot write it, 77 not allowed.
            """)

    @Argument(help: "The model, a .gguf file.", completion: .file(extensions: ["gguf"]))
    var source: String

    @Option(
        help: ArgumentHelp("What to call it. (default: the file's name without .gguf)", valueName: "name"))
    var name: String?

    @Flag(name: .customLong("default"), help: "Serve it from the daemon's next start or reload on.")
    var isDefault = false

    @OptionGroup var place: ModelFolderOptions

    @OptionGroup var conversion: ConversionOptions

    @Flag(help: "Replace a model of the same name.")
    var force = false

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    func run() async throws {
        try await runningModelTool("models add") {
            let name =
                try name.map { text throws(ModelFolderError) in try ModelName(text) }
                ?? ModelName(ofSource: source)
            let folder = try place.folder()
            try folder.prepare(
                name, mayReplace: force,
                neededBytes: SpaceEstimate.leastBytes(
                    of: try GGUFFile(path: source), isCompressed: conversion.compression != "none"))
            let becomesDefault = try isDefault || folder.defaultName() == nil
            let target = folder.file(name)
            let report = try await conversion.convert(source, to: target, overwrite: force)
            try folder.adopt(name)
            if becomesDefault { try folder.setDefault(name) }
            try Terminal.write(
                json ? ImportAnswer.json(report, path: target) : ImportAnswer.table(report, path: target))
            if becomesDefault { Terminal.note("\(name.text) is the default") }
        }
    }
}

/// What a model will need on disk, before it is known.
enum SpaceEstimate {
    /// A lower bound: so much at least, as found by importing real models of each type.
    ///
    /// Codes of 4 to 8 bits shrink by 5 % at most, 16-bit floats by a third.
    static func leastBytes(of file: GGUFFile, isCompressed: Bool) -> Int {
        file.tensors.reduce(0) { sum, tensor in
            let bytes = tensor.fileRange.count
            guard isCompressed else { return sum + bytes }
            let isFloat = tensor.type.blockElements == 1
            return sum + bytes / 100 * (isFloat ? 60 : 90)
        }
    }
}
