import Tensors
import Testing

@Suite struct ElementTypeTests {
    /// Name, id, elements and bytes per block of `ggml_type` and the `block_*` structures.
    static let table: [(ElementType, String, UInt32, Int, Int)] = [
        (.f32, "F32", 0, 1, 4), (.f16, "F16", 1, 1, 2), (.bf16, "BF16", 30, 1, 2),
        (.q4_0, "Q4_0", 2, 32, 2 + 16), (.q4_1, "Q4_1", 3, 32, 2 + 2 + 16),
        (.q5_0, "Q5_0", 6, 32, 2 + 4 + 16), (.q5_1, "Q5_1", 7, 32, 2 + 2 + 4 + 16),
        (.q8_0, "Q8_0", 8, 32, 2 + 32), (.q3_K, "Q3_K", 11, 256, 32 + 64 + 12 + 2),
        (.q4_K, "Q4_K", 12, 256, 2 + 2 + 12 + 128), (.q5_K, "Q5_K", 13, 256, 2 + 2 + 12 + 32 + 128),
        (.q6_K, "Q6_K", 14, 256, 128 + 64 + 16 + 2),
    ]

    @Test func everyTypeHasItsPlaceInTheTable() {
        #expect(Self.table.count == ElementType.allCases.count)
        for (type, name, id, elements, bytes) in Self.table {
            #expect(type.name == name)
            #expect(ElementType(rawValue: id) == type)
            #expect((type.blockElements, type.blockBytes) == (elements, bytes), "\(name)")
            #expect(type.byteCount(elements: 3 * elements) == 3 * bytes)
            #expect(ElementType.foreignName(id) == nil)
        }
    }

    @Test func partsOfBlocksAndOverflowHaveNoByteCount() {
        #expect(ElementType.q4_K.byteCount(elements: 255) == nil)
        #expect(ElementType.q8_0.byteCount(elements: -32) == nil)
        #expect(ElementType.f32.byteCount(elements: .max) == nil)
        #expect(ElementType.q8_0.byteCount(elements: .max / 32 * 32) == nil)
        #expect(ElementType.f32.byteCount(elements: 0) == 0)
    }

    @Test func typesOfOthersHaveNames() {
        #expect(ElementType.foreignName(10) == "Q2_K")
        #expect(ElementType.foreignName(23) == "IQ4_XS")
        #expect(ElementType.foreignName(1000) == nil)
    }
}
