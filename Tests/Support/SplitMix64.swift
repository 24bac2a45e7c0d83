package import Tensors

/// Seeded random numbers, the same on every machine. Source: Steele, Lea and Flood 2014.
package struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    /// `count` numbers spread evenly over `range`.
    package mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
        (0..<count).map { _ in
            range.lowerBound + Float(next() >> 40) / Float(1 << 24) * (range.upperBound - range.lowerBound)
        }
    }

    /// Random blocks of `type`: any codes and integer scales, finite halves that keep elements about as large
    /// as those of a model (within ±2).
    package mutating func blocks(_ type: ElementType, count: Int) -> [UInt8] {
        (0..<count).flatMap { _ in block(type) }
    }

    private mutating func block(_ type: ElementType) -> [UInt8] {
        switch type {
        case .f32: return littleEndian(floats(1)[0].bitPattern)
        case .bf16: return littleEndian(UInt16(truncatingIfNeeded: floats(1)[0].bitPattern >> 16))
        case .f16: return littleEndian(Float16(floats(1)[0]).bitPattern)
        case .q4_0, .q5_0: return block(type, halves: [0], 0.06)
        case .q4_1, .q5_1: return block(type, halves: [0, 2], 0.06)
        case .q8_0: return block(type, halves: [0], 0.01)
        case .q3_K: return block(type, halves: [108], 0.01)
        case .q4_K, .q5_K: return block(type, halves: [0, 2], 0.0005)
        case .q6_K: return block(type, halves: [208], 0.0004)
        }
    }

    private mutating func block(_ type: ElementType, halves: [Int], _ largest: Float) -> [UInt8] {
        var block = bytes(type.blockBytes)
        for (at, value) in zip(halves, floats(halves.count, in: -largest...largest)) {
            block.replaceSubrange(at..<at + 2, with: littleEndian(Float16(value).bitPattern))
        }
        return block
    }
}
