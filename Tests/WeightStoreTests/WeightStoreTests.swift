import FoundationEssentials
import Machine
import Support
import Tensors
import Testing
import Tokenizer

@testable import WeightStore

@Suite struct WeightStoreTests {
    @Test(arguments: [1, 3], [Residency.mapped, .resident])
    func everythingWrittenIsReadBack(threads: Int, residency: Residency) throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        let store = try WeightStore(path: fixture.path, threads: threads, residency: residency)
        #expect(store.parameters == StoreFixture.model)
        #expect(store.metadata == fixture.metadata)
        #expect(store.chatTemplate == "{{ messages }}")
        #expect(try store.vocabulary() == StoreFixture.vocabulary)
        #expect(store.tensors.count == StoreFixture.tensors.count)
        for (name, layout, encoding) in StoreFixture.tensors {
            let tensor = try store.tensor(name)
            #expect(tensor.layout == layout)
            #expect(tensor.codes.copy == StoreFixture.content(name, byteCount: layout.elementBytes))
            #expect(
                tensor.planes?.copy ?? []
                    == StoreFixture.content(name + " planes", byteCount: layout.planeBytes))
            if case .mapped = tensor.codes.backing {
                #expect(encoding == .raw && residency == .mapped)
            } else {
                #expect(encoding != .raw || residency == .resident)
            }
        }
        #expect(store.rawBytes == StoreFixture.tensors.reduce(0) { $0 + $1.1.elementBytes + $1.1.planeBytes })
        #expect(store.storedBytes < store.rawBytes)
    }

    /// A piece of one segment a turn gives what opening at once gives.
    @Test func aCopyMayTakeManyTurns() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        let copy = try WeightStore.Copying(StoreInspection(path: fixture.path), threads: 2, panelled: [])
        var turns = 0
        while !copy.isComplete {
            copy.advance(bytes: 1)
            turns += 1
        }
        #expect(turns >= StoreFixture.tensors.count)
        let store = try copy.store()
        for (name, layout, _) in StoreFixture.tensors {
            let tensor = try store.tensor(name)
            #expect(tensor.codes.copy == StoreFixture.content(name, byteCount: layout.elementBytes))
            if case .mapped = tensor.codes.backing { Issue.record("\(name) is not in memory") }
        }
    }

    @Test func aCopyOfABadFrameIsRefused() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        let segments = try StoreInspection(path: fixture.path).segments
        let last = segments[try #require(fixture.metadata.tensors.last).elements]
        var bytes = fixture.bytes
        bytes[last.offset] ^= 4
        try fixture.replace(bytes)
        let copy = try WeightStore.Copying(StoreInspection(path: fixture.path), threads: 1, panelled: [])
        while !copy.isComplete { copy.advance(bytes: 1) }
        #expect {
            try copy.store()
        } throws: { error in
            guard case .checksum(_, _, let offset, _, _)? = error as? StoreError else { return false }
            return offset == last.offset
        }
    }

    @Test func largeRawSegmentsBeginAtPages() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        let store = try StoreInspection(path: fixture.path)
        let segment = store.segments[fixture.metadata.tensors[0].elements]
        #expect(segment.rawBytes == 300 * 272)  // 256 codes and 8 f16 scales a row
        #expect(segment.offset % 16384 == 0)
        #expect(segment.storedBytes == segment.rawBytes)
    }

    @Test func aMissingTensorIsNamed() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        let store = try WeightStore(path: fixture.path, threads: 1)
        #expect(throws: StoreError.missingTensor(path: fixture.path, tensor: "nothing")) {
            try store.tensor("nothing")
        }
    }

    @Test func anExistingStoreIsNotReplaced() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        #expect(throws: StoreError.exists(path: fixture.path)) {
            _ = try StoreWriter(path: fixture.path, overwrite: false, vocabulary: StoreFixture.vocabulary)
        }
    }

    @Test func anUnfinishedStoreLeavesNothing() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        let path = fixture.folder + "/unfinished.chess"
        do { _ = try StoreWriter(path: path, overwrite: false, vocabulary: StoreFixture.vocabulary) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder) == ["small.chess"])
    }

    @Test func aMissingFolderIsNamed() throws {
        #expect(throws: StoreError.noFolder(path: "/nowhere/at/all.chess", folder: "/nowhere/at")) {
            _ = try StoreWriter(
                path: "/nowhere/at/all.chess", overwrite: false, vocabulary: StoreFixture.vocabulary)
        }
    }

    /// No process has the number 4194305: the kernel counts to 2^22.
    @Test func leftoversOfKilledRunsAreRemoved() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        for leftover in ["/new.chess.partial-4194305", "/new.chess.partial-x", "/other.partial-4194305"] {
            try write([1], to: fixture.folder + leftover)
        }
        do {
            _ = try StoreWriter(
                path: fixture.folder + "/new.chess", overwrite: false, vocabulary: StoreFixture.vocabulary)
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: fixture.folder).sorted()
                == ["new.chess.partial-x", "other.partial-4194305", "small.chess"])
    }

    @Test func aGGUFFileIsPointedToImport() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        try fixture.replace(Array("GGUF".utf8) + [UInt8](repeating: 0, count: 200))
        #expect(throws: StoreError.notAStore(path: fixture.path, isGGUF: true)) {
            _ = try WeightStore(path: fixture.path, threads: 1)
        }
    }

    @Test func aNewerFormatIsNamed() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        var bytes = fixture.bytes
        bytes[8] = 2
        try fixture.replace(bytes)
        #expect(throws: StoreError.newerFormat(path: fixture.path, found: 2, newestKnown: 1)) {
            _ = try WeightStore(path: fixture.path, threads: 1)
        }
    }

    /// Frames of a bundle with 256 inputs of Q3_K and 256 outputs of Q4_1: a row of 128 + 16 + 2 bytes goes to
    /// 160, a channel of 128 stays; four records of 288 reach 1 KiB.
    @Test func framesHoldWholeRecords() {
        let bundle = StoredTensor.Layout.bundle(
            up: .q3_K, down: .q4_1, inputs: 256, channels: 64, outputs: 256)
        #expect(bundle.recordBytes == 288)
        #expect(bundle.frameBytes(isFetched: false) == 4 * 288)
        #expect(bundle.planeBytes == 2 * 2 * 256 * 2)  // two groups, scale and min, 256 outputs, f16
        let rows = StoredTensor.Layout.rows(form: .q8_0, rows: 300, columns: 256)
        #expect(rows.frameBytes(isFetched: true) == 15 * 272)
        #expect(rows.frameBytes(isFetched: false) == 240 * 272)
    }

    @Test func incompressibleFramesAreStoredAsTheyAre() {
        let random = StoreFixture.content("x", byteCount: 512)
        let run = FrameEncoder(encoding: .zstd, level: 9, frameBytes: 256).encode(random)
        #expect(run.bytes == random)
        #expect(run.frames.map(\.storedBytes) == [256, 256])
    }
}
