import GGUF
import Support
import Tensors
import Testing

@Suite struct OpeningTests {
    @Test(arguments: [2, 3] as [UInt32]) func aSmallFileIsReadWhole(version: UInt32) throws {
        var builder = smallFile()
        builder.version = version
        let file = try opened(builder)
        #expect(file.version == version)
        #expect(
            file.keys == [
                "general.architecture", "general.alignment", "a.whole", "a.fraction", "a.flag",
                "tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type",
            ])
        #expect(try file.string("general.architecture") == "llama")
        #expect(try file.int("general.alignment") == 32)
        #expect(try file.int("a.whole") == -5)
        #expect(try file.float("a.whole") == -5)
        #expect(try file.float("a.fraction") == 0.5)
        #expect(try file.bool("a.flag") == true)
        #expect(try file.strings("tokenizer.ggml.tokens") == [Array("a".utf8), [], Array("bc".utf8)])
        #expect(try file.floats("tokenizer.ggml.scores") == [0, -1, -2.5])
        #expect(try file.int32s("tokenizer.ggml.token_type") == [1, 3, -1])
    }

    @Test func tensorsAreFoundWhereTheyLie() throws {
        let builder = smallFile()
        let file = try opened(builder)
        // The data begins at the next multiple of 32; 24 bytes of floats are padded to 32.
        let start = (builder.header().count + 31) / 32 * 32
        let first = try #require(file.tensor(named: "first"))
        let second = try #require(file.tensor(named: "second"))
        #expect(file.tensors == [first, second])
        #expect(first.fileRange == start..<start + 24)
        #expect(second.fileRange == start + 32..<start + 100)
        #expect((first.rows, first.columns, first.rowBytes, first.elementCount) == (2, 3, 12, 6))
        #expect(first.dimensions == [3, 2])
        #expect(first.shape.description == "[2, 3]")
        #expect((second.type, second.rows, second.columns, second.rowBytes) == (.q8_0, 2, 32, 34))
        #expect(first.decoded(in: file) == [1, 2, 3, 4, 5, 6])
        #expect(first.decoded(rows: 1..<2, in: file) == [4, 5, 6])
        #expect(file.tensor(named: "third") == nil)
    }

    @Test func aFileOfAVocabularyOnlyIsFine() throws {
        var builder = smallFile()
        builder.tensors = []
        let file = try opened(builder)
        #expect(file.tensors.isEmpty)
        #expect(try file.strings("tokenizer.ggml.tokens")?.count == 3)
    }

    @Test(arguments: [1, 8, 64, 65_536]) func alignmentDecidesWhereTheDataBegins(alignment: Int) throws {
        var builder = GGUFBuilder()
        builder.alignment = alignment
        builder.set("general.alignment", .uint32(UInt32(alignment)))
        builder.add("t", shape: [3], floats: [1, 2, 3])
        let file = try opened(builder)
        #expect(file.tensors[0].fileRange.lowerBound % alignment == 0)
        #expect(file.tensors[0].decoded(in: file) == [1, 2, 3])
        #expect((file.tensors[0].rows, file.tensors[0].columns) == (1, 3))
    }

    @Test func everyScalarIsReadAtItsEnds() throws {
        var builder = GGUFBuilder()
        let values: [(String, GGUFBuilderValue, GGUFValue)] = [
            ("u8", .uint8(255), .unsigned(255)), ("i8", .int8(-128), .signed(-128)),
            ("u16", .uint16(65_535), .unsigned(65_535)), ("i16", .int16(-32_768), .signed(-32_768)),
            ("u32", .uint32(.max), .unsigned(4_294_967_295)), ("i32", .int32(.min), .signed(-2_147_483_648)),
            ("u64", .uint64(.max), .unsigned(.max)), ("i64", .int64(.min), .signed(.min)),
            ("f32", .float32(1.5), .float(1.5)), ("f64", .float64(0.1), .float(0.1)),
            ("yes", .bool(true), .bool(true)), ("no", .bool(false), .bool(false)),
            ("text", .string("é"), .string([0xc3, 0xa9])),
        ]
        for (key, value, _) in values { builder.set(key, value) }
        let file = try opened(builder)
        for (key, _, expected) in values { #expect(file.metadata[key] == expected, "\(key)") }
    }

    @Test func valuesAreDescribedOnOneLine() throws {
        var builder = GGUFBuilder()
        builder.set("epsilon", .float32(1e-6))
        builder.set("name", .string("a\nb"))
        builder.set("long", .string(String(repeating: "x", count: 61)))
        builder.set("tokens", .strings(["a", "b"]))
        builder.set("one", .int32s([1]))
        let file = try opened(builder)
        let lines = file.keys.map { "\(file.metadata[$0]?.description ?? "")" }
        let cut = String(repeating: "x", count: 60)
        #expect(lines == ["1e-06", #""a\nb""#, "\"\(cut)\"...", "2 strings", "1 int32"])
    }
}
