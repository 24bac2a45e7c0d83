import ArgumentParser
import FoundationEssentials
import GGUF
import Machine
import Support
import Tensors
import Testing

@testable import chessctl

/// What `chessctl models` does to a folder.
@Suite struct ModelFolderTests {
    /// Imports a small model as the command line would.
    private func add(_ folder: String, _ arguments: String...) async throws {
        let source = "\(folder)/source.gguf"
        if !FileManager.default.fileExists(atPath: source) { try SmallModel(.q8_0).write(to: source) }
        let command = try ModelsAddCommand.parse([source, "--directory", folder, "--json"] + arguments)
        try await command.run()
    }

    private func link(_ folder: String) throws -> SymbolicLink.Place {
        try SymbolicLink.place("\(folder)/default.chess")
    }

    @Test func theFirstModelBecomesTheDefault() async throws {
        try await withTemporaryDirectory { folder in
            try await add(folder, "--name", "one")
            try await add(folder, "--name", "two")
            #expect(try link(folder) == .link(target: "one.chess"))
            try await add(folder, "--name", "three", "--default")
            #expect(try link(folder) == .link(target: "three.chess"))
            let models = try ModelFolder(folder)
            #expect(try models.names().map(\.text) == ["one", "three", "two"])
            #expect(try models.defaultName()?.text == "three")
        }
    }

    @Test func theNameIsTheSourcesWhenNoneIsGiven() async throws {
        try await withTemporaryDirectory { folder in
            try await add(folder)
            #expect(try ModelFolder(folder).names().map(\.text) == ["source"])
        }
    }

    /// Only root can give files away; anybody else sees that their own stay theirs.
    @Test func modelsBelongToTheFoldersOwner() async throws {
        try await withTemporaryDirectory { folder in
            if try FileOwner(of: folder).user == 0 {
                try FileManager.default.setAttributes(
                    [.ownerAccountID: 1234, .groupOwnerAccountID: 4321], ofItemAtPath: folder)
            }
            try await add(folder, "--name", "one")
            let expected = try FileOwner(of: folder)
            #expect(try FileOwner(of: "\(folder)/one.chess") == expected)
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/one.chess")
            #expect((attributes[.posixPermissions] as? Int) == 0o644)
        }
    }

    @Test func aTakenNameIsRefusedUnlessForced() async throws {
        try await withTemporaryDirectory { folder in
            try await add(folder, "--name", "one")
            await #expect(throws: ExitCode(73)) { try await add(folder, "--name", "one") }
            try await add(folder, "--name", "one", "--force")
        }
    }

    @Test func theDefaultIsRemovedOnlyWithForce() async throws {
        try await withTemporaryDirectory { folder in
            try await add(folder, "--name", "one")
            let models = try ModelFolder(folder)
            let one = try ModelName("one")
            #expect(throws: ModelFolderError.isDefault(name: "one")) { try models.remove(one, force: false) }
            try models.remove(one, force: true)
            #expect(try link(folder) == .nothing)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["source.gguf"])
            #expect(throws: ModelFolderError.unknown(name: "one", path: folder, known: [])) {
                try models.remove(one, force: true)
            }
        }
    }

    /// Whoever imported straight to default.chess must not lose that model.
    @Test func aFileInTheLinksPlaceIsKept() async throws {
        try await withTemporaryDirectory { folder in
            try write([1, 2, 3], to: "\(folder)/default.chess")
            await #expect(throws: ExitCode(73)) { try await add(folder, "--name", "one", "--default") }
            #expect(try link(folder) == .file)
        }
    }

    @Test func unknownModelsCannotBeTheDefault() async throws {
        try await withTemporaryDirectory { folder in
            try await add(folder, "--name", "one")
            let models = try ModelFolder(folder)
            #expect(throws: ModelFolderError.unknown(name: "two", path: folder, known: ["one"])) {
                try models.setDefault(ModelName("two"))
            }
            #expect(try link(folder) == .link(target: "one.chess"))
        }
    }

    @Test func aFullDiskIsRefusedBeforeTheWork() throws {
        try withTemporaryDirectory { folder in
            let free = try FolderFacts(folder).freeBytes
            let needs = free + (1 << 40)
            let error = #expect(throws: ModelFolderError.self) {
                try ModelFolder(folder).prepare(ModelName("one"), mayReplace: false, neededBytes: needs)
            }
            guard case .full(folder, needs, _)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    /// Q8_0 of the small model: the bound is below what it takes, and not by much.
    @Test func theEstimateIsALowerBound() async throws {
        try await withTemporaryDirectory { folder in
            try await add(folder, "--name", "one")
            let least = SpaceEstimate.leastBytes(
                of: try GGUFFile(path: "\(folder)/source.gguf"), isCompressed: true)
            let store = try MappedFile(path: "\(folder)/one.chess").byteCount
            #expect(least <= store)
            #expect(least > store / 2)
        }
    }

    @Test func aDamagedModelIsListedWithItsProblem() throws {
        try withTemporaryDirectory { folder in
            try write(Array("nonsense".utf8), to: "\(folder)/bad.chess")
            let listing = try ModelListing(ModelFolder(folder))
            #expect(listing.models.count == 1)
            #expect(listing.models[0].problem?.hasPrefix("\(folder)/bad.chess: ") == true)
        }
    }

    @Test func missingFoldersAreNamed() {
        #expect(throws: ModelFolderError.noFolder(path: "/nowhere/models")) {
            try ModelFolder("/nowhere/models/")
        }
    }

    @Test(arguments: ["a", "Qwen2.5-0.5B_Q4+x", "a.chess", "7b"])
    func namesThatSystemdTakesAreNames(text: String) throws {
        #expect(try ModelName(text).fileName == (text.hasSuffix(".chess") ? text : text + ".chess"))
    }

    @Test(arguments: [
        ("", "must begin with a letter or a digit"), (".hidden", "must begin with a letter or a digit"),
        ("../x", "must begin with a letter or a digit"),
        ("a/b", "holds \"/\"; letters, digits and . _ - + may stand there"),
        ("my model", "holds \" \"; letters, digits and . _ - + may stand there"),
        ("default", "names the link to the model that is served"),
        (String(repeating: "a", count: 101), "has 101 bytes, a name may have 100"),
    ])
    func otherNamesAreRefused(text: String, problem: String) {
        #expect(throws: ModelFolderError.name(text, problem)) { try ModelName(text) }
    }
}
