import GGUF
import Machine
import Support
import Testing

/// A header is 24 bytes: magic, version, tensor count at byte 8, key count at byte 16.
@Suite struct HeaderErrorTests {
    @Test func otherFilesAreNotGGUF() throws {
        try expectRefusal(Array("GGML and more".utf8)) { .notGGUF(path: $0, found: [71, 71, 77, 76]) }
    }

    @Test func aMissingFileIsTheSystemsError() {
        let missing = FileError(path: "/nowhere/m.gguf", action: "open", errno: 2)
        #expect(throws: GGUFError.file(missing)) { try GGUFFile(path: "/nowhere/m.gguf") }
    }

    @Test func bigEndianFilesAreNamed() throws {
        var builder = smallFile()
        builder.version = 0x0300_0000
        try expectRefusal(builder.encoded()) { .bigEndian(path: $0) }
    }

    @Test(arguments: [0, 1, 4, .max] as [UInt32]) func otherVersionsAreRefused(version: UInt32) throws {
        var builder = smallFile()
        builder.version = version
        try expectRefusal(builder.encoded()) { .unsupportedVersion(path: $0, found: version) }
    }

    /// One key of 8 + 1 + 4 + 1 = 14 bytes follows: room for one key of 13.
    @Test(arguments: [2, 1 << 60, .max] as [UInt64]) func tooManyKeysAreRefused(count: UInt64) throws {
        var builder = GGUFBuilder()
        builder.set("k", .uint8(1))
        builder.statedKeyCount = count
        try expectRefusal(builder.encoded()) {
            .tooMany(path: $0, what: "metadata keys", offset: 24, found: count, limit: 1)
        }
    }

    @Test(arguments: [1, 1 << 60, .max] as [UInt64]) func tooManyTensorsAreRefused(count: UInt64) throws {
        var builder = GGUFBuilder()
        builder.set("k", .uint8(1))
        builder.statedTensorCount = count
        try expectRefusal(builder.encoded()) {
            .tooMany(path: $0, what: "tensors", offset: 38, found: count, limit: 0)
        }
    }

    @Test(arguments: [3, 1 << 60, .max] as [UInt64]) func tooLongNamesAreRefused(length: UInt64) throws {
        var bytes = GGUFBuilder().encoded() + littleEndian(length) + [107, 0, 0, 0, 0]
        bytes[16] = 1
        // Five bytes are left after the length.
        guard length > 5 else {
            return try expectRefusal(bytes) {
                .truncated(path: $0, what: "k\0\0", offset: 35, needed: 4, available: 2)
            }
        }
        try expectRefusal(bytes) {
            .tooMany(path: $0, what: "bytes in metadata key 0", offset: 32, found: length, limit: 5)
        }
    }

    /// The key's length is at byte 24, its name at 32, the type at 33, the string's length at 37.
    @Test(arguments: [3, 1 << 60] as [UInt64]) func tooLongStringsAreRefused(length: UInt64) throws {
        var builder = GGUFBuilder()
        builder.set("k", .raw(typeID: 8, bytes: littleEndian(length) + [97, 98]))
        try expectRefusal(builder.encoded()) {
            .tooMany(path: $0, what: "bytes in k", offset: 45, found: length, limit: 2)
        }
    }

    @Test func stringsBeyondReasonAreRefusedThoughTheFileIsLarge() throws {
        var builder = GGUFBuilder()
        let length = (1 << 24) + 1
        builder.set(
            "k", .raw(typeID: 8, bytes: littleEndian(UInt64(length)) + [UInt8](repeating: 97, count: length)))
        try expectRefusal(builder.encoded()) {
            .tooMany(path: $0, what: "bytes in k", offset: 45, found: UInt64(length), limit: 1 << 24)
        }
    }

    /// The element type is at byte 37, the count at 41, the elements at 49.
    @Test(arguments: [2, 1 << 60] as [UInt64]) func tooLongArraysAreRefused(count: UInt64) throws {
        var builder = GGUFBuilder()
        builder.set(
            "k", .raw(typeID: 9, bytes: littleEndian(UInt32(5)) + littleEndian(count) + [1, 0, 0, 0]))
        try expectRefusal(builder.encoded()) {
            .tooMany(path: $0, what: "elements of k", offset: 49, found: count, limit: 1)
        }
    }

    @Test func namesMustBeUTF8() throws {
        var bytes = GGUFBuilder().encoded() + littleEndian(UInt64(1)) + [0xff, 0, 0, 0, 0, 9]
        bytes[16] = 1
        try expectRefusal(bytes) { .notUTF8(path: $0, what: "metadata key 0", offset: 32) }
    }

    @Test func unknownValueTypesAreRefused() throws {
        var builder = GGUFBuilder()
        builder.set("k", .raw(typeID: 13, bytes: [1]))
        try expectRefusal(builder.encoded()) { .unknownValueType(path: $0, key: "k", offset: 33, found: 13) }
        var array = GGUFBuilder()
        array.set("k", .raw(typeID: 9, bytes: littleEndian(UInt32(99)) + littleEndian(UInt64(1)) + [1]))
        try expectRefusal(array.encoded()) { .unknownValueType(path: $0, key: "k", offset: 37, found: 99) }
    }

    @Test func arraysOfArraysAreRefused() throws {
        var builder = GGUFBuilder()
        builder.set("k", .raw(typeID: 9, bytes: littleEndian(UInt32(9)) + littleEndian(UInt64(1)) + [1]))
        try expectRefusal(builder.encoded()) { .nestedArray(path: $0, key: "k", offset: 37) }
    }

    @Test func booleansAreZeroOrOne() throws {
        var builder = GGUFBuilder()
        builder.set("k", .raw(typeID: 7, bytes: [2]))
        try expectRefusal(builder.encoded()) { .notABoolean(path: $0, key: "k", offset: 37, found: 2) }
    }

    @Test func keysOccurOnce() throws {
        var builder = GGUFBuilder()
        builder.set("k", .uint8(1))
        builder.set("k", .uint8(1))
        try expectRefusal(builder.encoded()) {
            .duplicate(path: $0, what: "metadata key", name: "k", offset: 38)
        }
    }

    @Test func partsOfASplitModelAreNamed() throws {
        var builder = smallFile()
        try expectRefusal(builder.encoded(), as: "m-00002-of-00003.gguf") { .split(path: $0, parts: 3) }
        builder.set("split.count", .uint16(4))
        try expectRefusal(builder.encoded()) { .split(path: $0, parts: 4) }
    }

    @Test(arguments: [
        "m-00001-of-00001.gguf", "best-of-00003.gguf", "a-1-of-3.gguf", "of-of-of-.gguf", "-of-.gguf",
    ])
    func wholeModelsMayHaveNamesLikeThat(name: String) throws {
        var builder = smallFile()
        builder.set("split.count", .uint16(1))
        let file = try opening(builder.encoded(), as: name) { _, result in try result.get() }
        #expect(file.tensors.count == 2)
    }
}
