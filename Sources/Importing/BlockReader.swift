internal import Tensors

/// Takes GGUF blocks apart into codes and scales, without changing any.
///
/// Weights come out in the order of the row. With one level, scales and mins are f16 bits per group; with
/// two, a signed byte per group, and f16 bits per 256 weights. GGUF adds a min where we subtract one:
/// one-level mins get their sign flipped here, which is exact.
struct BlockReader {
    let format: ElementType
    let form: WeightForm
    /// One code per weight.
    private(set) var codes: [UInt8]
    /// f16 bits, or a signed byte's bits.
    private(set) var scales: [UInt16]
    private(set) var mins: [UInt16]
    private(set) var supers: [UInt16]
    private(set) var superMins: [UInt16]

    /// Makes room for runs of up to `capacity` weights of an integer format.
    init(_ format: ElementType, capacity: Int) {
        self.format = format
        form = format.form
        precondition(!form.code.isFloat && capacity % format.blockElements == 0, "\(format), \(capacity)")
        codes = [UInt8](repeating: 0, count: capacity)
        let groups = capacity / form.group
        scales = [UInt16](repeating: 0, count: groups)
        mins = [UInt16](repeating: 0, count: form.hasMin ? groups : 0)
        let supers = form.levels == 2 ? capacity / WeightForm.superGroup : 0
        self.supers = [UInt16](repeating: 0, count: supers)
        superMins = [UInt16](repeating: 0, count: form.hasMin ? supers : 0)
    }

    /// Reads `count` weights that begin at byte `start` of `bytes`, whole blocks.
    mutating func read(_ bytes: Span<UInt8>, from start: Int, count: Int) {
        let blocks = count / format.blockElements
        precondition(
            count % format.blockElements == 0 && count <= codes.count && start >= 0
                && start + blocks * format.blockBytes <= bytes.count,
            "\(count) of \(codes.count) weights, \(bytes.count) bytes from \(start)")
        for block in 0..<blocks {
            let at = start + block * format.blockBytes
            switch format {
            case .q4_0, .q4_1: readNibbles(bytes, at, block)
            case .q5_0, .q5_1: readFiveBits(bytes, at, block)
            case .q8_0: readBytes(bytes, at, block)
            case .q3_K: readThreeBitSuper(bytes, at, block)
            case .q4_K, .q5_K: readNibbleSuper(bytes, at, block)
            case .q6_K: readSixBitSuper(bytes, at, block)
            case .f32, .f16, .bf16: break
            }
        }
    }

    private func half(_ bytes: Span<UInt8>, _ at: Int) -> UInt16 {
        UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8
    }

    /// Scale, and with a min its negative. Returns the offset of what follows.
    private mutating func readScale(_ bytes: Span<UInt8>, _ at: Int, _ block: Int) -> Int {
        scales[block] = half(bytes, at)
        guard form.hasMin else { return at + 2 }
        mins[block] = half(bytes, at + 2) ^ 0x8000
        return at + 4
    }

    /// Q4_0: d, 16 bytes; Q4_1: d, m, 16 bytes. Byte i holds codes i and 16 + i.
    private mutating func readNibbles(_ bytes: Span<UInt8>, _ at: Int, _ block: Int) {
        let data = readScale(bytes, at, block)
        let out = block * 32
        for i in 0..<16 {
            let byte = bytes[data + i]
            codes[out + i] = byte & 15
            codes[out + 16 + i] = byte >> 4
        }
    }

    /// Q5_0 and Q5_1: as with 4 bits, and before the nibbles 32 bits with bit 4 of each code.
    private mutating func readFiveBits(_ bytes: Span<UInt8>, _ at: Int, _ block: Int) {
        let high = readScale(bytes, at, block)
        let data = high + 4
        let out = block * 32
        for i in 0..<16 {
            let byte = bytes[data + i]
            let (low, upper) = (bytes[high + i / 8] >> UInt8(i % 8), bytes[high + 2 + i / 8] >> UInt8(i % 8))
            codes[out + i] = byte & 15 | (low & 1) << 4
            codes[out + 16 + i] = byte >> 4 | (upper & 1) << 4
        }
    }

    /// Q8_0: d, 32 signed bytes.
    private mutating func readBytes(_ bytes: Span<UInt8>, _ at: Int, _ block: Int) {
        let data = readScale(bytes, at, block)
        let out = block * 32
        for i in 0..<32 { codes[out + i] = bytes[data + i] }
    }

    /// Q3_K: 32 bytes of high bits, 64 of low pairs, 12 of 6-bit scales, d.
    ///
    /// GGUF subtracts 4 where the high bit is clear; with the bit in the code that is an offset of 4.
    private mutating func readThreeBitSuper(_ bytes: Span<UInt8>, _ at: Int, _ block: Int) {
        let (low, packed) = (at + 32, at + 96)
        let out = block * 256
        for chunk in 0..<8 {
            let pairs = low + chunk / 4 * 32
            for i in 0..<32 {
                let code = bytes[pairs + i] >> UInt8(chunk % 4 * 2) & 3
                let high = bytes[at + i] >> UInt8(chunk) & 1
                codes[out + chunk * 32 + i] = code | high << 2
            }
        }
        for group in 0..<16 {
            let nibble = group < 8 ? bytes[packed + group] & 15 : bytes[packed + group - 8] >> 4
            let high = bytes[packed + 8 + group % 4] >> UInt8(group / 4 * 2) & 3
            let scale = Int8(bitPattern: nibble | high << 4) - 32
            scales[block * 16 + group] = UInt16(UInt8(bitPattern: scale))
        }
        supers[block] = half(bytes, at + 108)
    }

    /// Q4_K and Q5_K: d, dmin, 12 bytes of 6-bit scales and mins, for Q5_K 32 bytes of high bits, 128 of nibbles.
    private mutating func readNibbleSuper(_ bytes: Span<UInt8>, _ at: Int, _ block: Int) {
        supers[block] = half(bytes, at)
        superMins[block] = half(bytes, at + 2)
        let packed = at + 4
        for group in 0..<8 {
            let scale: UInt8
            let min: UInt8
            if group < 4 {
                scale = bytes[packed + group] & 63
                min = bytes[packed + 4 + group] & 63
            } else {
                let both = bytes[packed + 4 + group]
                scale = both & 15 | (bytes[packed + group - 4] & 0xC0) >> 2
                min = both >> 4 | (bytes[packed + group] & 0xC0) >> 2
            }
            scales[block * 8 + group] = UInt16(scale)
            mins[block * 8 + group] = UInt16(min)
        }
        let high = at + 16
        let data = format == .q5_K ? high + 32 : high
        for chunk in 0..<4 {
            let out = block * 256 + chunk * 64
            for i in 0..<32 {
                let byte = bytes[data + chunk * 32 + i]
                codes[out + i] = byte & 15
                codes[out + 32 + i] = byte >> 4
            }
            guard format == .q5_K else { continue }
            for i in 0..<32 {
                let bits = bytes[high + i] >> UInt8(chunk * 2)
                codes[out + i] |= (bits & 1) << 4
                codes[out + 32 + i] |= (bits & 2) << 3
            }
        }
    }

    /// Q6_K: 128 bytes of nibbles, 64 of high pairs, 16 signed scales, d.
    private mutating func readSixBitSuper(_ bytes: Span<UInt8>, _ at: Int, _ block: Int) {
        for chunk in 0..<2 {
            let (low, high) = (at + chunk * 64, at + 128 + chunk * 32)
            let out = block * 256 + chunk * 128
            for i in 0..<32 {
                let (first, second, pairs) = (bytes[low + i], bytes[low + 32 + i], bytes[high + i])
                codes[out + i] = first & 15 | (pairs & 3) << 4
                codes[out + 32 + i] = second & 15 | (pairs >> 2 & 3) << 4
                codes[out + 64 + i] = first >> 4 | (pairs >> 4 & 3) << 4
                codes[out + 96 + i] = second >> 4 | (pairs & 0xC0) >> 2
            }
        }
        for group in 0..<16 { scales[block * 16 + group] = UInt16(bytes[at + 192 + group]) }
        supers[block] = half(bytes, at + 208)
    }

    /// The weights that were read last, as floats.
    func decode(into out: inout [Float]) {
        let signed = form.code == .int8
        for group in 0..<out.count / form.group {
            let (scale, min) = (
                factor(scales, supers, group), form.hasMin ? factor(mins, superMins, group) : 0
            )
            for index in group * form.group..<(group + 1) * form.group {
                let code = signed ? Int(Int8(bitPattern: codes[index])) : Int(codes[index]) - form.offset
                out[index] = scale * Float(code) - min
            }
        }
    }

    private func factor(_ factors: [UInt16], _ supers: [UInt16], _ group: Int) -> Float {
        guard form.levels == 2 else { return Float(Float16(bitPattern: factors[group])) }
        let sub = Int8(bitPattern: UInt8(truncatingIfNeeded: factors[group]))
        return Float(Float16(bitPattern: supers[group * form.group / WeightForm.superGroup])) * Float(sub)
    }
}
