internal import ArgumentParser
internal import FoundationEssentials
internal import WeightStore

/// `chessctl models`: the models that the installed daemon may serve.
struct ModelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Add, list and remove the models of the installed daemon.",
        discussion: """
            They live in /var/lib/chessd/models; the link default.chess there names the one to serve.

              sudo chessctl models add model.gguf           imports it; the first one becomes the default
              chessctl models list
              sudo chessctl models default NAME             then: sudo systemctl reload chessd
              sudo chessctl models remove NAME
            """,
        subcommands: [
            ModelsAddCommand.self, ModelsListCommand.self, ModelsDefaultCommand.self,
            ModelsRemoveCommand.self,
        ])
}

/// Which folder of models is meant.
struct ModelFolderOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of models. (default: $CHESSD_MODELS, else \(ModelFolder.systemPath))",
            valueName: "path"),
        completion: .directory)
    var directory: String?

    func folder() throws -> ModelFolder {
        let variable = ProcessInfo.processInfo.environment["CHESSD_MODELS"].flatMap { $0.isEmpty ? nil : $0 }
        return try ModelFolder(directory ?? variable ?? ModelFolder.systemPath)
    }
}

/// `chessctl models list`.
struct ModelsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the models; * marks the default.")

    @OptionGroup var place: ModelFolderOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await runningModelTool("models list") {
            let listing = try ModelListing(place.folder())
            try Terminal.write(json ? JSONText.encode(listing) : listing.text)
        }
    }
}

/// `chessctl models default`.
struct ModelsDefaultCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "default", abstract: "Choose the model to serve from the next start or reload on.")

    @Argument(help: "The model's name.")
    var name: String

    @OptionGroup var place: ModelFolderOptions

    func run() async throws {
        try await runningModelTool("models default") {
            let name = try ModelName(name)
            try place.folder().setDefault(name)
            try Terminal.write("\(name.text) is the default\n")
        }
    }
}

/// `chessctl models remove`.
struct ModelsRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Delete a model.",
        discussion: "A daemon that serves it goes on with it until it is reloaded or stopped.")

    @Argument(help: "The model's name.")
    var name: String

    @OptionGroup var place: ModelFolderOptions

    @Flag(help: "Remove it even when it is the default; then there is none.")
    var force = false

    func run() async throws {
        try await runningModelTool("models remove") {
            let name = try ModelName(name)
            try place.folder().remove(name, force: force)
            try Terminal.write("\(name.text) is removed\n")
        }
    }
}

/// The models of a folder, as `list` shows them.
struct ModelListing: Encodable {
    struct Model: Encodable {
        var name: String
        var path: String
        var isDefault: Bool
        var fileBytes: Int?
        var architecture: String?
        var layers: Int?
        var contextLength: Int?
        var sourceName: String?
        var importedAt: String?
        /// Why the file cannot be used.
        var problem: String?

        private enum CodingKeys: String, CodingKey {
            case name, path, isDefault = "default", fileBytes, architecture, layers, contextLength, sourceName
            case importedAt, problem
        }
    }

    var directory: String
    var models: [Model]

    init(_ folder: ModelFolder) throws {
        directory = folder.path
        let chosen = try folder.defaultName()
        models = try folder.names().map { name in
            var model = Model(name: name.text, path: folder.file(name), isDefault: name == chosen)
            do throws(StoreError) {
                let store = try StoreInspection(path: model.path)
                model.fileBytes = store.fileBytes
                model.architecture = store.metadata.model.architecture
                model.layers = store.metadata.model.layers
                model.contextLength = store.metadata.model.contextLength
                model.sourceName = store.metadata.provenance.sourceName
                model.importedAt = store.metadata.provenance.importedAt
            } catch {
                model.problem = error.description
            }
            return model
        }
    }

    var text: String {
        guard !models.isEmpty else { return "\(directory): no models; add one with chessctl models add\n" }
        var table = TextTable(
            ["", "name", "architecture", "context", "MB", "imported", "from"], rightAligned: [3, 4])
        for model in models {
            table.append([
                model.isDefault ? "*" : "", model.name, model.architecture ?? "?",
                model.contextLength.map { String($0) } ?? "?",
                model.fileBytes.map { Readable.megabytes($0) } ?? "?",
                model.importedAt ?? "?", model.problem ?? model.sourceName ?? "?",
            ])
        }
        return table.text
    }
}
