import GGUF
import Tensors
import Testing

/// Every error says where, what is wrong with both numbers, and what to do.
@Suite struct ErrorWordingTests {
    private static let damaged = "the copy was cut short or damaged, fetch it again"

    static let errors: [(GGUFError, String)] = [
        (
            .notGGUF(path: "m", found: [1, 2, 3, 4]),
            "m: begins with the bytes [1, 2, 3, 4], a GGUF file with [71, 71, 85, 70]; "
                + "check that it is a model"
        ),
        (
            .bigEndian(path: "m"),
            "m: version at byte 4 is big-endian, only little-endian files are read; convert the model again"
        ),
        (
            .unsupportedVersion(path: "m", found: 1),
            "m: version 1 at byte 4, versions 2 and 3 are read; convert the model again"
        ),
        (
            .truncated(path: "m", what: "version", offset: 4, needed: 4, available: 1),
            "m: version at byte 4 needs 4 bytes, 1 are left; \(damaged)"
        ),
        (
            .tooMany(path: "m", what: "tensors", offset: 40, found: 9, limit: 2),
            "m: 9 tensors at byte 40, at most 2 are possible; \(damaged)"
        ),
        (
            .notUTF8(path: "m", what: "metadata key 0", offset: 32),
            "m: metadata key 0 at byte 32 is not UTF-8; \(damaged)"
        ),
        (
            .unknownValueType(path: "m", key: "k", offset: 33, found: 13),
            "m: k at byte 33 has value type 13, types 0 to 12 exist; \(damaged)"
        ),
        (
            .nestedArray(path: "m", key: "k", offset: 37),
            "m: k at byte 37 is an array of arrays, only arrays of plain values are read; "
                + "convert the model without this key"
        ),
        (
            .notABoolean(path: "m", key: "k", offset: 37, found: 2),
            "m: k at byte 37 is a boolean of value 2, 0 and 1 are allowed; \(damaged)"
        ),
        (
            .duplicate(path: "m", what: "tensor", name: "t", offset: 57),
            "m: tensor t at byte 57 occurs a second time; \(damaged)"
        ),
        (
            .split(path: "m", parts: 3),
            "m: one of 3 parts of a split model, only whole ones are read; "
                + "join them with llama-gguf-split --merge"
        ),
        (
            .alignment(path: "m", found: 3),
            "m: general.alignment is 3, powers of two up to 65536 are read; convert the model again"
        ),
        (
            .tensor(path: "m", name: "t", fault: .rank(offset: 33, found: 5)),
            "m: tensor t at byte 33 has 5 dimensions, 1 to 4 are allowed; \(damaged)"
        ),
        (
            .tensor(path: "m", name: "t", fault: .sizes(offset: 33, found: [3, 0])),
            "m: tensor t at byte 33 has sizes [3, 0], "
                + "positive ones of a product below 2^48 are allowed; \(damaged)"
        ),
        (
            .tensor(path: "m", name: "t", fault: .partialBlock(type: .q4_K, columns: 128)),
            "m: tensor t has rows of 128 elements, Q4_K needs a multiple of 256; quantise the model again"
        ),
        (
            .tensor(path: "m", name: "t", fault: .outsideFile(offset: 64, needed: 8, fileLength: 71)),
            "m: tensor t at byte 64 needs 8 bytes, the file has 71; \(damaged)"
        ),
        (
            .tensor(path: "m", name: "t", fault: .misaligned(dataOffset: 8, dataStart: 64, alignment: 32)),
            "m: tensor t begins 8 bytes after the data's start at byte 64, "
                + "a multiple of 32 is needed; \(damaged)"
        ),
        (
            .tensor(path: "m", name: "u", fault: .overlap(offset: 96, other: "t", otherEnd: 104)),
            "m: tensor u at byte 96 overlaps t, which ends at byte 104; \(damaged)"
        ),
    ]

    @Test(arguments: errors) func readsLikeThis(error: GGUFError, text: String) {
        #expect("\(error)" == text)
    }
}
