import GGUF
import Support
import Testing

@Suite struct MetadataAccessTests {
    @Test func absentKeysAreNil() throws {
        let file = try opened(GGUFBuilder())
        #expect(try file.int("k") == nil)
        #expect(try file.float("k") == nil)
        #expect(try file.bool("k") == nil)
        #expect(try file.string("k") == nil)
        #expect(try file.strings("k") == nil)
        #expect(try file.floats("k") == nil)
        #expect(try file.int32s("k") == nil)
    }

    @Test func otherTypesAreNamed() throws {
        var builder = GGUFBuilder()
        builder.set("text", .string("three"))
        builder.set("number", .uint32(3))
        builder.set("huge", .uint64(.max))
        builder.set("flag", .bool(true))
        builder.set("list", .float32s([1, 2]))
        builder.set("ids", .uint32s([1, 4_294_967_295]))
        let file = try opened(builder)
        func wrong(_ key: String, _ expected: String, _ found: String) -> GGUFError {
            .wrongType(path: file.path, key: key, expected: expected, found: found)
        }
        #expect(throws: wrong("text", "a whole number", #"the string "three""#)) { try file.int("text") }
        #expect(throws: wrong("huge", "a whole number", "the number 18446744073709551615")) {
            try file.int("huge")
        }
        #expect(throws: wrong("flag", "a number", "the boolean true")) { try file.float("flag") }
        #expect(throws: wrong("number", "a boolean", "the number 3")) { try file.bool("number") }
        #expect(throws: wrong("number", "a string", "the number 3")) { try file.string("number") }
        #expect(throws: wrong("list", "an array of strings", "an array of 2 float32s")) {
            try file.strings("list")
        }
        #expect(throws: wrong("text", "an array of float32", #"the string "three""#)) {
            try file.floats("text")
        }
        #expect(throws: wrong("list", "an array of int32", "an array of 2 float32s")) {
            try file.int32s("list")
        }
        #expect(throws: wrong("ids", "an array of int32", "an array of uint32 with the number 4294967295")) {
            try file.int32s("ids")
        }
    }

    @Test func tokensKeepBytesThatAreNotText() throws {
        var builder = GGUFBuilder()
        builder.set("tokens", .byteStrings([[0xff], [], [0xc3]]))
        #expect(try opened(builder).strings("tokens") == [[0xff], [], [0xc3]])
    }

    @Test func aWrongTypeReadsLikeThis() {
        let error = GGUFError.wrongType(
            path: "m.gguf", key: "llama.block_count", expected: "a whole number", found: "the boolean true")
        #expect(
            "\(error)"
                == "m.gguf: llama.block_count is the boolean true, expected a whole number; "
                + "convert the model again")
    }
}
