import GGUF
import Support
import Tensors
import Testing

/// Blocks made by hand. The halves used: 0x3400 is 0.25, 0x3800 is 0.5, 0x3c00 is 1, 0x4000 is 2, 0xbc00 is
/// -1.
@Suite struct DecodeBlocksTests {
    private func decoded(_ type: ElementType, _ bytes: [UInt8]) -> [Float] {
        var floats: [Float] = []
        decodeBlocks(type, bytes: bytes, into: &floats)
        return floats
    }

    /// Sixteen bytes with low nibbles 0 to 15 and high nibbles 15 to 0.
    private let nibbles = (0..<16).map { UInt8($0 | (15 - $0) << 4) }
    /// The codes that `nibbles` stands for.
    private let codes = Array(0..<16) + (0..<16).reversed()

    @Test func floats() {
        #expect(decoded(.f32, [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0]) == [1, -2.5])
        // One, the least subnormal 2^-24, the greatest negative, infinity.
        let halves = decoded(.f16, [0x00, 0x3c, 0x01, 0x00, 0xff, 0xfb, 0x00, 0x7c])
        #expect(halves == [1, 1 / 16_777_216, -65_504, .infinity])
        #expect(decoded(.bf16, [0xc0, 0x3f, 0x00, 0xc0]) == [1.5, -2])
    }

    @Test func q4_0() {
        #expect(decoded(.q4_0, [0x00, 0x38] + nibbles) == codes.map { Float($0 - 8) * 0.5 })
    }

    @Test func q4_1() {
        #expect(decoded(.q4_1, [0x00, 0x38, 0x00, 0x3c] + nibbles) == codes.map { Float($0) * 0.5 + 1 })
    }

    /// The fifth bit is set in elements 0, 12 and 31.
    @Test func q5_0() {
        let expected = codes.enumerated().map { index, code in
            Float([0, 12, 31].contains(index) ? code : code - 16) * 2
        }
        #expect(decoded(.q5_0, [0x00, 0x40] + [0x01, 0x10, 0x00, 0x80] + nibbles) == expected)
    }

    @Test func q5_1() {
        let expected = codes.enumerated().map { index, code in
            Float([0, 12, 31].contains(index) ? code + 16 : code) * 2 - 1
        }
        #expect(decoded(.q5_1, [0x00, 0x40, 0x00, 0xbc] + [0x01, 0x10, 0x00, 0x80] + nibbles) == expected)
    }

    @Test func q8_0() {
        let codes = (0..<32).map { $0 * 8 - 128 }
        let bytes = codes.map { UInt8(bitPattern: Int8($0)) }
        #expect(decoded(.q8_0, [0x00, 0x34] + bytes) == codes.map { Float($0) * 0.25 })
    }

    // Scales and mins as Q4_K and Q5_K pack them: byte g holds scale g and, above it, the top two bits
    // of scale g + 4; byte 4 + g the same of the mins; byte 8 + g the low nibbles of both of group g +
    // 4.
    private let scales: [Float] = [1, 2, 3, 4, 16, 33, 50, 7]
    private let mins: [Float] = [0, 1, 2, 3, 20, 5, 38, 63]
    private let packed: [UInt8] = [
        1 | 1 << 6, 2 | 2 << 6, 3 | 3 << 6, 4 | 0 << 6,
        0 | 1 << 6, 1 | 0 << 6, 2 | 2 << 6, 3 | 3 << 6,
        0 | 4 << 4, 1 | 5 << 4, 2 | 6 << 4, 7 | 15 << 4,
    ]

    /// Scale 1, min 0.5; two groups share 32 bytes: `nibbles` twice, so even groups count up, odd ones down.
    @Test func q4_K() {
        let bytes = [0x00, 0x3c, 0x00, 0x38] + packed + (0..<8).flatMap { _ in nibbles }
        let expected = (0..<256).map { index in
            let group = index / 32
            let code = group % 2 == 0 ? index % 16 : 15 - index % 16
            return scales[group] * Float(code) - 0.5 * mins[group]
        }
        #expect(decoded(.q4_K, bytes) == expected)
    }

    /// As above, with the fifth bit set where the lane is the group: bit g of byte g.
    @Test func q5_K() {
        let high = (0..<32).map { $0 < 8 ? UInt8(1) << UInt8($0) : 0 }
        let bytes = [0x00, 0x3c, 0x00, 0x38] + packed + high + (0..<8).flatMap { _ in nibbles }
        let expected = (0..<256).map { index in
            let (group, lane) = (index / 32, index % 32)
            let code = (group % 2 == 0 ? lane % 16 : 15 - lane % 16) + (lane == group ? 16 : 0)
            return scales[group] * Float(code) - 0.5 * mins[group]
        }
        #expect(decoded(.q5_K, bytes) == expected)
    }

    /// Low nibbles grow by one from byte to byte and once more every 16; the two high bits are 0, 1, 2, 3 for
    /// the quarters of the first half and 3, 2, 1, 0 for those of the second; scale k is k - 8.
    @Test func q6_K() {
        let low = (0..<128).map { (byte: Int) in UInt8((byte + byte / 16) % 16) }
        let bytes =
            low.map { $0 | (15 - $0) << 4 } + [UInt8](repeating: 0b11_10_01_00, count: 32)
            + [UInt8](repeating: 0b00_01_10_11, count: 32) + (0..<16).map { UInt8(bitPattern: Int8($0 - 8)) }
            + [0x00, 0x38]
        let expected = (0..<256).map { index in
            let (half, quarter, lane) = (index / 128, index / 32 % 4, index % 32)
            let nibble = Int(low[half * 64 + quarter % 2 * 32 + lane])
            let high = half == 0 ? quarter : 3 - quarter
            return 0.5 * Float(index / 16 - 8) * Float((quarter < 2 ? nibble : 15 - nibble) + 16 * high - 32)
        }
        #expect(decoded(.q6_K, bytes) == expected)
    }

    /// The high bit is set in odd groups of 32 and in all of lane 0; the low bits are 0, 1, 2, 3 for the
    /// quarters of the first half and 3, 2, 1, 0 for those of the second. Scale k is k + 16 (k / 4), less 32:
    /// its low nibble is k, its two high bits are k / 4.
    @Test func q3_K() {
        let bytes =
            [0xff] + [UInt8](repeating: 0b1010_1010, count: 31) + [UInt8](repeating: 0b11_10_01_00, count: 32)
            + [UInt8](repeating: 0b00_01_10_11, count: 32) + (0..<8).map { UInt8($0 | ($0 + 8) << 4) }
            + [UInt8](repeating: 0b11_10_01_00, count: 4) + [0x00, 0x40]
        let expected = (0..<256).map { index in
            let (group, lane, scale) = (index / 32, index % 32, index / 16)
            let low = group < 4 ? group : 7 - group
            let code = low - (group % 2 == 1 || lane == 0 ? 0 : 4)
            return 2 * Float(scale + 16 * (scale / 4) - 32) * Float(code)
        }
        #expect(decoded(.q3_K, bytes) == expected)
    }

    /// 64 random blocks of each type, decoded by `dequantize` of the Python package gguf 0.19.0: FNV-1a over
    /// the bits of its floats, a word at a time.
    private static let golden: [(ElementType, UInt64)] = [
        (.f32, 0xd6f5_7f96_538e_b405), (.f16, 0x7c0b_d709_88f6_c825), (.bf16, 0xe0f3_9628_b00b_0825),
        (.q4_0, 0xc268_b095_67ba_8f25), (.q4_1, 0x3b46_a21e_81ae_f2b5), (.q5_0, 0x199c_0fdc_ab2e_c125),
        (.q5_1, 0xc6a4_edb2_c636_94e0), (.q8_0, 0x1e96_6896_86df_45a5), (.q3_K, 0x8060_854a_8fe6_06e5),
        (.q4_K, 0x7c41_128e_0af2_831f), (.q5_K, 0xee37_5ce1_5a95_1de3), (.q6_K, 0x4950_f982_feb8_722d),
    ]

    @Test(arguments: golden) func everyBitIsThatOfTheReference(type: ElementType, hash: UInt64) {
        var random = SplitMix64(seed: 7)
        let found = decoded(type, random.blocks(type, count: 64)).reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1.bitPattern)) &* 0x100_0000_01b3
        }
        #expect(found == hash)
    }

    @Test(arguments: ElementType.allCases) func blocksFollowOneAnother(type: ElementType) {
        var random = SplitMix64(seed: 3)
        let (first, second) = (random.blocks(type, count: 1), random.blocks(type, count: 1))
        #expect(decoded(type, first + second) == decoded(type, first) + decoded(type, second))
        #expect(decoded(type, []) == [])
    }
}
