import Glibc
import Machine
import Support
import Testing

@testable import WeightStore

/// Whatever happens to the file, opening it says what and where; it never traps, hangs or grows.
@Suite struct DamageTests {
    /// Opens everything, weights and vocabulary; `nil` when nothing was noticed.
    private func fault(of fixture: StoreFixture) -> StoreError? {
        do throws(StoreError) {
            _ = try WeightStore(path: fixture.path, threads: 1).vocabulary()
            return nil
        } catch {
            return error
        }
    }

    @Test func truncationAnywhereIsNoticed() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        var numbers = SplitMix64(seed: 1)
        let count = fixture.bytes.count
        let header = try StoreHeader(fixture.bytes, path: "", fileBytes: count)
        // Every byte of header, metadata and index, and 1,000 others.
        let places =
            Array(0..<StoreFormat.headerBytes) + Array(header.metadata.range) + Array(header.index.range)
            + (0..<1000).map { _ in Int.random(in: 0..<count, using: &numbers) }
        // From the end to the start, so that the file needs only to be cut.
        for place in places.sorted(by: >) {
            #expect(truncate(fixture.path, place) == 0)
            let found = fault(of: fixture)
            if place >= StoreFormat.headerBytes {
                #expect(found == .wrongLength(path: fixture.path, expected: count, found: place))
            } else {
                #expect(found != nil, "cut at \(place)")
            }
        }
    }

    /// Ten thousand bits in all, one at a time.
    @Test(arguments: 0..<4) func everyFlippedBitIsNoticed(part: UInt64) throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        var numbers = SplitMix64(seed: 2 + part)
        let descriptor = open(fixture.path, O_RDWR)
        defer { close(descriptor) }
        for _ in 0..<2_500 {
            let place = Int.random(in: 0..<fixture.bytes.count, using: &numbers)
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &numbers)
            var byte = fixture.bytes[place] ^ bit
            #expect(pwrite(descriptor, &byte, 1, place) == 1)
            #expect(fault(of: fixture) != nil, "byte \(place), bit \(bit)")
            byte ^= bit
            #expect(pwrite(descriptor, &byte, 1, place) == 1)
        }
        #expect(fault(of: fixture) == nil)
    }

    @Test func aFlippedWeightNamesItsTensorAndPlace() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        let store = try StoreInspection(path: fixture.path)
        for entry in fixture.metadata.tensors {
            let segment = store.segments[entry.elements]
            var bytes = fixture.bytes
            let place = segment.range.upperBound - 1
            bytes[place] ^= 4
            try fixture.replace(bytes)
            guard case .checksum(let path, let part, let offset, _, _)? = fault(of: fixture) else {
                Issue.record("\(entry.name): no checksum error")
                continue
            }
            #expect(path == fixture.path)
            #expect(part == "tensor \(entry.name), frame \(segment.frames.count - 1)")
            #expect(offset <= place && segment.range.contains(offset))
            // The same through `verify`, which goes on after a fault.
            let faults = try StoreInspection(path: fixture.path).faults(threads: 2)
            #expect(faults.count == 1 && faults.first == fault(of: fixture))
        }
    }

    @Test func paddingThatIsNotZeroIsRefused() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        let store = try StoreInspection(path: fixture.path)
        let place = store.segments[0].offset - 1
        var bytes = fixture.bytes
        bytes[place] = 1
        try fixture.replace(bytes)
        guard
            case .unreadable(_, "padding before tensor token_embd", _, "it is not zero")? = fault(of: fixture)
        else {
            Issue.record("\(String(describing: fault(of: fixture)))")
            return
        }
    }

    /// Damage that a careless or hostile writer signs with right checksums.
    @Test func forgedNumbersAreRefused() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        for seed in 0..<400 { try openForged(fixture, seed: seed) }
    }

    private func openForged(_ fixture: StoreFixture, seed: Int) throws {
        var numbers = SplitMix64(seed: UInt64(seed))
        var bytes = fixture.bytes
        let header = try StoreHeader(bytes, path: "", fileBytes: bytes.count)
        // One byte of the index's segments or of the metadata, anywhere.
        let segments = header.index.offset..<header.index.offset + 16 + 48 * (StoreFixture.tensors.count + 4)
        let range = seed % 2 == 0 ? segments : header.metadata.range
        bytes[Int.random(in: range, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
        var forged = header
        forged.index.checksum = Checksum.crc32c(bytes, header.index.range)
        forged.metadata.checksum = Checksum.crc32c(bytes, header.metadata.range)
        bytes.replaceSubrange(0..<StoreFormat.headerBytes, with: forged.encoded())
        try fixture.replace(bytes)
        // Some bytes may change without harm, such as a letter of a name; the point is that nothing traps.
        if fault(of: fixture) == nil {
            let store = try WeightStore(path: fixture.path, threads: 1)
            for (name, layout, _) in StoreFixture.tensors {
                #expect(store.tensors[name]?.codes.byteCount == layout.elementBytes)
            }
        }
    }

    /// An order that names a record twice and another never, with a right checksum.
    @Test func anOrderWithoutEveryRecordIsRefused() throws {
        let fixture = try StoreFixture()
        defer { fixture.remove() }
        var bytes = fixture.bytes
        let file = try StoreFile(path: fixture.path)
        let number = try #require(file.metadata.tensors.compactMap(\.order).first)
        let segment = file.index.segments[number]
        bytes[segment.offset] ^= 1
        var index = file.index
        index.frames[segment.frames.lowerBound].checksum = Checksum.crc32c(bytes, segment.range)
        var header = file.header
        bytes.replaceSubrange(header.index.range, with: index.encoded())
        header.index.checksum = Checksum.crc32c(bytes, header.index.range)
        bytes.replaceSubrange(0..<StoreFormat.headerBytes, with: header.encoded())
        try fixture.replace(bytes)
        #expect(
            throws: StoreError.unreadable(
                path: fixture.path, part: "tensor \(StoreFixture.arranged), order", offset: segment.offset,
                reason: "not every one of its 64 records has one place")
        ) { _ = try WeightStore(path: fixture.path, threads: 1) }
    }

    /// 8 stored bytes that claim to be 128 MiB: more than 256 times as much.
    @Test func aSmallFrameCannotClaimMuchMemory() {
        var index = SegmentIndex()
        index.segments = [
            Segment(
                kind: .elements, encoding: .zstd, offset: 128, storedBytes: 8, rawBytes: 1 << 27,
                frameBytes: 1 << 27, frames: 0..<1)
        ]
        index.frames = [Frame(storedBytes: 8, checksum: 0)]
        #expect(
            throws: StoreError.mismatch(
                path: "p", part: "index, segment 0", what: "stored bytes of frame 0", expected: 1 << 27,
                found: 8)
        ) { _ = try SegmentIndex(index.encoded(), path: "p", offset: 0) }
    }

    @Test func anIndexOfManySegmentsButFewBytesIsRefused() {
        var bytes = [UInt8](repeating: 0, count: 16)
        bytes[0...3] = [0xFF, 0xFF, 0, 0]
        #expect(
            throws: StoreError.outOfBounds(
                path: "p", part: "index", offset: 9, needs: 16 + 65535 * 48, has: 16)
        ) { _ = try SegmentIndex(bytes, path: "p", offset: 9) }
    }
}
