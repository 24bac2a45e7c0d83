package import Tensors

/// Appends the elements of whole blocks to `floats`: the plain decoding that everything else is held against.
///
/// Each element is the product and sum of its format's definition, in float, in that order. Not made for
/// speed. Traps when `bytes` is no whole number of blocks. Source: `dequantize_row_*` of ggml.
package func decodeBlocks(_ type: ElementType, bytes: [UInt8], into floats: inout [Float]) {
    precondition(bytes.count % type.blockBytes == 0, "\(bytes.count) bytes of \(type.name)")
    for start in stride(from: 0, to: bytes.count, by: type.blockBytes) {
        let block = Block(bytes: bytes, start: start)
        for index in 0..<type.blockElements { floats.append(block.element(index, type)) }
    }
}

/// One block: the fields that formats share, and its elements. Offsets count from the start of the block.
private struct Block {
    let bytes: [UInt8]
    let start: Int

    func element(_ index: Int, _ type: ElementType) -> Float {
        switch type {
        case .f32: Float(bitPattern: UInt32(u16(0)) | UInt32(u16(2)) << 16)
        case .f16: half(0)
        case .bf16: Float(bitPattern: UInt32(u16(0)) << 16)
        case .q4_0: half(0) * Float(nibble(2, index) - 8)
        case .q4_1: half(0) * Float(nibble(4, index)) + half(2)
        case .q5_0: half(0) * Float(nibble(6, index) + (bit(2, index) << 4) - 16)
        case .q5_1: half(0) * Float(nibble(8, index) + (bit(4, index) << 4)) + half(2)
        case .q8_0: half(0) * Float(signed(2 + index))
        case .q3_K: q3K(index)
        case .q4_K: q45K(index, code: pairedNibble(16, index))
        case .q5_K: q45K(index, code: pairedNibble(48, index) + (laneBits(16, index, width: 1) << 4))
        case .q6_K: q6K(index)
        }
    }

    private func u8(_ at: Int) -> UInt8 { bytes[start + at] }
    private func u16(_ at: Int) -> UInt16 { UInt16(u8(at)) | UInt16(u8(at + 1)) << 8 }
    private func half(_ at: Int) -> Float { Float(Float16(bitPattern: u16(at))) }
    private func signed(_ at: Int) -> Int { Int(Int8(bitPattern: u8(at))) }
    private func bit(_ at: Int, _ index: Int) -> Int { Int(u8(at + index / 8) >> UInt8(index % 8)) & 1 }

    /// Code `index` of 32 in 16 bytes: the low nibbles are codes 0 to 15, the high ones 16 to 31.
    private func nibble(_ at: Int, _ index: Int) -> Int {
        Int(index < 16 ? u8(at + index) & 15 : u8(at + index - 16) >> 4)
    }

    /// Code `index` of 256 in 128 bytes: groups of 32 codes 2i and 2i + 1 share 32 bytes, low nibbles first.
    private func pairedNibble(_ at: Int, _ index: Int) -> Int {
        let (group, lane) = (index / 32, index % 32)
        let byte = u8(at + group / 2 * 32 + lane)
        return Int(group % 2 == 0 ? byte & 15 : byte >> 4)
    }

    /// `width` bits of element `index`, where each of 32 bytes serves one lane of consecutive groups of 32,
    /// lowest bits first.
    private func laneBits(_ at: Int, _ index: Int, width: Int) -> Int {
        let groupsPerByte = 8 / width
        let (group, lane) = (index / 32, index % 32)
        let byte = u8(at + group / groupsPerByte * 32 + lane)
        return Int(byte >> UInt8(group % groupsPerByte * width)) & ((1 << width) - 1)
    }

    /// Q4_K and Q5_K: half scale, half min, then eight six-bit scales and mins in 12 bytes.
    private func q45K(_ index: Int, code: Int) -> Float {
        let (scale, min) = scaleAndMin(index / 32)
        return half(0) * Float(scale) * Float(code) - half(2) * Float(min)
    }

    /// Groups 0 to 3 have the low six bits of bytes 0 to 3 and 4 to 7; the others a nibble each of bytes 8 to
    /// 11, with the top two bits of the former as bits 4 and 5.
    private func scaleAndMin(_ group: Int) -> (scale: UInt8, min: UInt8) {
        let at = 4 + group
        if group < 4 { return (u8(at) & 63, u8(at + 4) & 63) }
        return ((u8(at + 4) & 15) | (u8(at - 4) >> 6) << 4, (u8(at + 4) >> 4) | (u8(at) >> 6) << 4)
    }

    /// Sixteen groups of 16: nibbles (128 bytes), two high bits (64), signed scales (16), half scale.
    private func q6K(_ index: Int) -> Float {
        let (half128, quarter, lane) = (index / 128, index % 128 / 32, index % 32)
        let low = u8(half128 * 64 + quarter % 2 * 32 + lane)
        let nibble = Int(quarter < 2 ? low & 15 : low >> 4)
        let code = nibble + (laneBits(128, index, width: 2) << 4) - 32
        return half(208) * Float(signed(192 + index / 16)) * Float(code)
    }

    /// Sixteen groups of 16: high-bit masks (32 bytes), two low bits (64), six-bit scales (12), half scale.
    /// Four is subtracted where the high bit is clear.
    private func q3K(_ index: Int) -> Float {
        let group = index / 16
        let low = group < 8 ? u8(96 + group) & 15 : u8(96 + group - 8) >> 4
        let high = u8(104 + group % 4) >> UInt8(group / 4 * 2) & 3
        let scale = Int(low | (high << 4)) - 32
        let code = laneBits(32, index, width: 2) - (laneBits(0, index, width: 1) == 1 ? 0 : 4)
        return half(108) * Float(scale) * Float(code)
    }
}
