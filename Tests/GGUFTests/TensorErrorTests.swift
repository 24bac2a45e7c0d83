import GGUF
import Support
import Tensors
import Testing

/// One tensor called `t`: its name's length is at byte 24, the rank at 33, the sizes from 37.
@Suite struct TensorErrorTests {
    private func one(_ type: ElementType = .f32, shape: [Int] = [2], byteCount: Int = 8) -> GGUFBuilder {
        var builder = GGUFBuilder()
        builder.add("t", type, shape: shape, bytes: [UInt8](repeating: 0, count: byteCount))
        return builder
    }

    private func expectFault(
        _ builder: GGUFBuilder, tensor: String = "t", _ fault: GGUFTensorFault,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try expectRefusal(
            builder.encoded(), { .tensor(path: $0, name: tensor, fault: fault) },
            sourceLocation: sourceLocation)
    }

    @Test(arguments: [0, 5, 1000]) func oneToFourDimensionsAreAllowed(rank: Int) throws {
        var builder = one()
        builder.tensors[0].sizes = [UInt64](repeating: 1, count: rank)
        try expectFault(builder, .rank(offset: 33, found: UInt32(rank)))
    }

    @Test func fourDimensionsAreRead() throws {
        let file = try opened(one(shape: [2, 3, 4, 5], byteCount: 480))
        #expect((file.tensors[0].rows, file.tensors[0].columns) == (24, 5))
    }

    @Test(
        arguments: [
            [0], [3, 0], [1 << 48], [1 << 60, 1 << 60], [.max], [1 << 63, 2], [1 << 24, 1 << 24],
        ] as [[UInt64]])
    func sizesArePositiveAndNotBeyondReason(sizes: [UInt64]) throws {
        var builder = one()
        builder.tensors[0].sizes = sizes
        try expectFault(builder, .sizes(offset: 33, found: sizes))
    }

    @Test func unreadTypesAreNamed() throws {
        var builder = one()
        builder.tensors[0].typeID = 10
        try expectFault(builder, .type(offset: 45, found: 10))
        let list = "F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q3_K, Q4_K, Q5_K, Q6_K, BF16"
        #expect(
            "\(GGUFError.tensor(path: "m.gguf", name: "t", fault: .type(offset: 45, found: 10)))"
                == "m.gguf: tensor t at byte 45 has type 10 (Q2_K), \(list) are read; "
                + "quantise the model to one of these")
        #expect("\(GGUFTensorFault.type(offset: 45, found: 77))".hasPrefix("at byte 45 has type 77, F32, "))
    }

    @Test func rowsAreWholeBlocks() throws {
        try expectFault(
            one(.q4_K, shape: [256, 128], byteCount: 128 * 144), .partialBlock(type: .q4_K, columns: 128))
    }

    /// The header ends at byte 57, the data begins at 64.
    @Test func tensorsLieWithinTheFile() throws {
        try expectFault(one(byteCount: 7), .outsideFile(offset: 64, needed: 8, fileLength: 71))
        var far = one()
        far.tensors[0].offset = 1 << 60
        try expectFault(far, .outsideFile(offset: 64 + (1 << 60), needed: 8, fileLength: 72))
        far.tensors[0].offset = .max
        try expectFault(far, .outsideFile(offset: .max, needed: 8, fileLength: 72))
    }

    @Test func tensorsLieAtMultiplesOfTheAlignment() throws {
        var builder = one(byteCount: 64)
        builder.tensors[0].offset = 8
        try expectFault(builder, .misaligned(dataOffset: 8, dataStart: 64, alignment: 32))
    }

    /// Two entries of 33 bytes end at byte 90, the data begins at 96.
    @Test func tensorsDoNotOverlap() throws {
        var builder = one(byteCount: 8)
        builder.add("u", .f32, shape: [2], bytes: [UInt8](repeating: 0, count: 8))
        builder.tensors[1].offset = 0
        try expectRefusal(builder.encoded()) { path in
            .tensor(path: path, name: "u", fault: .overlap(offset: 96, other: "t", otherEnd: 104))
        }
    }

    @Test func namesOccurOnce() throws {
        var builder = one()
        builder.add("t", .f32, shape: [2], bytes: [UInt8](repeating: 0, count: 8))
        try expectRefusal(builder.encoded()) { .duplicate(path: $0, what: "tensor", name: "t", offset: 57) }
    }

    @Test(arguments: [0, 3, 48, 131_072, .max] as [UInt32]) func alignmentIsAPowerOfTwo(alignment: UInt32)
        throws
    {
        var builder = one()
        builder.set("general.alignment", .uint32(alignment))
        try expectRefusal(builder.encoded()) { .alignment(path: $0, found: UInt64(alignment)) }
    }

    @Test func alignmentIsANumber() throws {
        var builder = one()
        builder.set("general.alignment", .string("32"))
        try expectRefusal(builder.encoded()) {
            .wrongType(
                path: $0, key: "general.alignment", expected: "an unsigned number", found: #"the string "32""#
            )
        }
    }
}
