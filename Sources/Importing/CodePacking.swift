internal import Tensors

/// Packs codes in units of 64, as `docs/store-format.md` says.
enum CodePacking {
    /// Packs `codes[from ..< from + count]`, whole units, to `out[at...]`, which holds zeros.
    static func pack(
        _ codes: Span<UInt8>, from: Int, count: Int, as code: WeightForm.Code, into out: inout [UInt8],
        at: Int
    ) {
        let units = count / WeightForm.unit
        precondition(
            count % WeightForm.unit == 0 && from >= 0 && from + count <= codes.count && at >= 0
                && at + units * code.bytesPerUnit <= out.count,
            "\(count) codes from \(from) of \(codes.count), to \(at) of \(out.count)")
        switch code {
        case .bits4, .bits5, .bits6:
            for unit in 0..<units {
                let (source, target) = (from + unit * 64, at + unit * 32)
                for i in 0..<32 { out[target + i] = codes[source + i] & 15 | codes[source + 32 + i] << 4 }
            }
            if code == .bits5 { packFifthBits(codes, from, units, &out, at + units * 32) }
            if code == .bits6 { packTopPairs(codes, from, units, &out, at + units * 32) }
        case .int8:
            for i in 0..<count { out[at + i] = codes[from + i] }
        case .f16, .bf16, .f32:
            preconditionFailure("floats are not packed")
        }
    }

    /// Bit `c % 8` of byte `c / 8` is bit 4 of code c.
    private static func packFifthBits(
        _ codes: Span<UInt8>, _ from: Int, _ units: Int, _ out: inout [UInt8], _ at: Int
    ) {
        for byte in 0..<units * 8 {
            var bits: UInt8 = 0
            for i in 0..<8 { bits |= (codes[from + byte * 8 + i] >> 4 & 1) << UInt8(i) }
            out[at + byte] = bits
        }
    }

    /// Byte r of a unit holds bits 4 and 5 of codes r, 16 + r, 32 + r and 48 + r.
    private static func packTopPairs(
        _ codes: Span<UInt8>, _ from: Int, _ units: Int, _ out: inout [UInt8], _ at: Int
    ) {
        for unit in 0..<units {
            let (source, target) = (from + unit * 64, at + unit * 16)
            for i in 0..<16 {
                let (a, b) = (codes[source + i] >> 4, codes[source + 16 + i] >> 4)
                let (c, d) = (codes[source + 32 + i] >> 4, codes[source + 48 + i] >> 4)
                out[target + i] = a & 3 | (b & 3) << 2 | (c & 3) << 4 | d << 6
            }
        }
    }
}
