import Machine
import Support
import Testing

@testable import WeightStore

/// The file of a profile: what was written is read again, and nothing else is.
@Suite struct SparsityProfileTests {
    private let path = "a.profile"

    private func profile(_ store: WeightStore) -> SparsityProfile {
        SparsityProfile(
            model: ProfiledModel(store), method: "chess", sparsity: 0.5,
            corpus: .init(name: "t.txt", sha256: "00", tokens: 512), createdAt: "2026-01-01T00:00:00Z",
            program: "test",
            sites: [
                .queryInput: [.init(limits: [0.25], target: 0.5, measured: 0.49)],
                .gateInput: [
                    .init(
                        limits: [0.5], center: (0..<256).map { Float($0) / 8 }, target: 0.3, measured: 0.31)
                ],
                .channels: [.init(limits: (0..<64).map { Float($0) }, target: 0.5, measured: 0.5)],
            ])
    }

    private func withStore(_ body: (WeightStore) throws -> Void) throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        try body(try WeightStore(path: fixture.path, threads: 1))
    }

    @Test func whatWasWrittenIsRead() throws {
        try withStore { store in
            let written = profile(store)
            let folder = try temporaryDirectory()
            let path = "\(folder)/p.profile"
            try written.write(to: path, overwrite: false)
            let read = try SparsityProfile(path: path)
            #expect(read == written)
            try read.check(fits: store, path: path)
            #expect(throws: ProfileError.exists(path: path)) { try written.write(to: path, overwrite: false) }
            try written.write(to: path, overwrite: true)
            let nowhere = "\(folder)/none/p.profile"
            #expect(throws: ProfileError.noFolder(path: nowhere, folder: "\(folder)/none")) {
                try written.write(to: nowhere, overwrite: true)
            }
        }
    }

    @Test func truncationAnywhereIsNoticed() throws {
        try withStore { store in
            let bytes = profile(store).encoded()
            for count in 0..<bytes.count {
                #expect(throws: ProfileError.self, "cut at \(count)") {
                    _ = try SparsityProfile(bytes: Array(bytes.prefix(count)), path: path)
                }
            }
            #expect(
                throws: ProfileError.wrongLength(path: path, expected: bytes.count, found: bytes.count + 1)
            ) {
                _ = try SparsityProfile(bytes: bytes + [0], path: path)
            }
        }
    }

    @Test func everyFlippedBitIsNoticed() throws {
        try withStore { store in
            var bytes = profile(store).encoded()
            for place in bytes.indices {
                for bit in 0..<8 {
                    bytes[place] ^= 1 << bit
                    #expect(throws: ProfileError.self, "byte \(place), bit \(bit)") {
                        _ = try SparsityProfile(bytes: bytes, path: path)
                    }
                    bytes[place] ^= 1 << bit
                }
            }
        }
    }

    /// Whole files with sound checksums whose contents are no use.
    @Test(arguments: [Float.nan, .infinity, -.infinity, -1])
    func limitsThatAreNoMagnitudesAreRefused(limit: Float) throws {
        try withStore { store in
            var bad = profile(store)
            bad.sites[.channels]?[0].limits[7] = limit
            let reason =
                limit.isFinite
                ? "channels of layer 0 has a limit below 0"
                : "channels of layer 0 has a limit that is not a finite number"
            #expect(throws: ProfileError.unreadable(path: path, reason: reason)) {
                _ = try SparsityProfile(bytes: bad.encoded(), path: path)
            }
            var center = profile(store)
            center.sites[.gateInput]?[0].center[0] = .nan
            #expect(throws: ProfileError.self) {
                _ = try SparsityProfile(bytes: center.encoded(), path: path)
            }
        }
    }

    @Test func contentsThatDoNotAddUpAreRefused() throws {
        try withStore { store in
            func refuses(_ change: (inout SparsityProfile) -> Void, _ reason: String) {
                var bad = profile(store)
                change(&bad)
                #expect(throws: ProfileError.unreadable(path: path, reason: reason)) {
                    _ = try SparsityProfile(bytes: bad.encoded(), path: path)
                }
            }
            refuses({ $0.sparsity = 1.5 }, "sparsity 1.5 of 512 tokens makes no sense")
            refuses(
                { $0.sites[.channels]?[0].limits.removeLast() },
                "channels of layer 0 has 63 limits for 64 channels")
            refuses(
                { $0.sites[.channels]?.append(.init()) }, "channels speaks of 2 layers, the model has 1")
            refuses(
                { $0.sites[.channels]?[0].center = [Float](repeating: 0, count: 64) },
                "channels of layer 0 has a center, which nothing makes use of")
            refuses(
                { $0.sites[.downInput] = [.init(limits: [Float](repeating: 1, count: 64))] },
                "down-input of layer 0 has 64 limits, one for all channels is needed")
            refuses({ $0.sites[.channels]?[0].target = 2 }, "channels of layer 0 leaves out 2.0")
            refuses(
                { $0.model.layers = 5000 }, "its model has 5000 layers, widths 256, 64 and 64")
        }
    }

    @Test func profilesOfOtherModelsAreRefused() throws {
        try withStore { store in
            var other = profile(store)
            other.model.sourceSHA256 = "1234"
            #expect(
                throws: ProfileError.otherModel(
                    path: path, madeFor: "small", madeForHash: "1234", model: store.path,
                    modelHash: String(repeating: "0", count: 64))
            ) { try other.check(fits: store, path: path) }
            var wider = profile(store)
            wider.model.feedForward = 128
            #expect(throws: ProfileError.self) { try wider.check(fits: store, path: path) }
        }
    }

    @Test func otherFilesAreNotProfiles() throws {
        #expect(throws: ProfileError.notAProfile(path: path)) {
            _ = try SparsityProfile(bytes: Array("CHESSWT1 and more".utf8), path: path)
        }
        #expect(throws: ProfileError.self) { _ = try SparsityProfile(path: "/nowhere/at/all") }
    }
}
