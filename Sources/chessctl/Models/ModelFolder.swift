internal import FoundationEssentials
internal import Machine

/// The folder that the daemon's models live in, and the link in it that names the model to serve.
///
/// Everything that is made here becomes the folder's owner's, so that root can add models for the daemon's user.
struct ModelFolder {
    /// Where the package keeps models.
    static let systemPath = "/var/lib/chessd/models"
    static let linkName = "default.chess"

    let path: String
    private let owner: FileOwner

    /// Looks at the folder, which must be there.
    init(_ path: String) throws {
        let plain = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        guard FileManager.default.fileExists(atPath: plain) else {
            throw ModelFolderError.noFolder(path: plain)
        }
        self.path = plain
        owner = try FileOwner(of: plain)
    }

    /// The file of the model called `name`.
    func file(_ name: ModelName) -> String { "\(path)/\(name.fileName)" }

    /// The names of all models, in order.
    func names() throws -> [ModelName] {
        guard let files = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw ModelFolderError.notAllowed(path: path, verb: "read")
        }
        return files.compactMap { file in
            guard file.hasSuffix(ModelName.ending), let name = try? ModelName(file) else { return nil }
            return (try? SymbolicLink.place("\(path)/\(file)")) == .file ? name : nil
        }.sorted()
    }

    /// The model that the link names; `nil` when there is no link, or it names something outside the folder.
    func defaultName() throws -> ModelName? {
        guard case .link(let target) = try SymbolicLink.place(link) else { return nil }
        return try? ModelName(target)
    }

    /// Refuses early what would be refused after the work.
    func prepare(_ name: ModelName, mayReplace: Bool, neededBytes: Int) throws {
        let facts = try FolderFacts(path)
        guard facts.isWritable else { throw ModelFolderError.notAllowed(path: path, verb: "change") }
        if !mayReplace, try SymbolicLink.place(file(name)) != .nothing {
            throw ModelFolderError.exists(name: name.text, path: path)
        }
        guard facts.freeBytes >= neededBytes else {
            throw ModelFolderError.full(path: path, needs: neededBytes, has: facts.freeBytes)
        }
    }

    /// Gives a model that was just written to the folder's owner.
    func adopt(_ name: ModelName) throws { try owner.take(file(name)) }

    /// Makes `name` the model to serve from the daemon's next start or reload on.
    func setDefault(_ name: ModelName) throws {
        try require(name)
        switch try SymbolicLink.place(link) {
        case .nothing, .link: break
        case .file, .folder, .other: throw ModelFolderError.notALink(path: link)
        }
        guard try FolderFacts(path).isWritable else {
            throw ModelFolderError.notAllowed(path: path, verb: "change")
        }
        try SymbolicLink.replace(link, target: name.fileName, owner: owner)
    }

    /// Removes a model; with `force` also the default one, and then the link too.
    func remove(_ name: ModelName, force: Bool) throws {
        try require(name)
        let isDefault = try defaultName() == name
        if isDefault, !force { throw ModelFolderError.isDefault(name: name.text) }
        guard try FolderFacts(path).isWritable else {
            throw ModelFolderError.notAllowed(path: path, verb: "change")
        }
        if isDefault { try FolderFacts.remove(link) }
        try FolderFacts.remove(file(name))
    }

    private var link: String { "\(path)/\(Self.linkName)" }

    private func require(_ name: ModelName) throws {
        guard try SymbolicLink.place(file(name)) != .file else { return }
        throw ModelFolderError.unknown(name: name.text, path: path, known: try names().map(\.text))
    }
}

/// What a model is called: its file's name without `.chess`.
struct ModelName: Hashable, Comparable {
    static let ending = ".chess"
    private static let longest = 100

    let text: String

    /// - Parameter text: the name, with or without `.chess`.
    init(_ text: String) throws(ModelFolderError) {
        let name = text.hasSuffix(Self.ending) ? String(text.dropLast(Self.ending.count)) : text
        guard name != "default" else { throw .name(name, "names the link to the model that is served") }
        guard name.utf8.count <= Self.longest else {
            throw .name(name, "has \(name.utf8.count) bytes, a name may have \(Self.longest)")
        }
        guard let first = name.unicodeScalars.first, Self.mayBegin(first) else {
            throw .name(name, "must begin with a letter or a digit")
        }
        // What systemd takes in the name of an instance, so that chessd@NAME needs no escapes.
        if let odd = name.unicodeScalars.first(where: {
            !Self.mayBegin($0) && !"._-+".unicodeScalars.contains($0)
        }) {
            throw .name(name, "holds \"\(odd)\"; letters, digits and . _ - + may stand there")
        }
        self.text = name
    }

    /// The name that a source file suggests: `model.gguf` is `model`.
    init(ofSource path: String) throws(ModelFolderError) {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        try self.init(file.hasSuffix(".gguf") ? String(file.dropLast(5)) : file)
    }

    var fileName: String { text + Self.ending }

    static func < (left: ModelName, right: ModelName) -> Bool { left.text < right.text }

    private static func mayBegin(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9": true
        default: false
        }
    }
}
