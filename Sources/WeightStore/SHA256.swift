/// The hash of FIPS 180-4, section 6.2.
///
/// Our own because the only package at hand that has it brings a whole TLS library along.
package struct SHA256: Sendable {
    private var state: [8 of UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19,
    ]
    /// Bytes that do not fill a block yet.
    private var pending: [UInt8] = []
    private var byteCount: UInt64 = 0

    package init() {}

    /// Takes in more bytes.
    package mutating func update(_ bytes: [UInt8]) {
        byteCount += UInt64(bytes.count)
        var start = 0
        if !pending.isEmpty {
            start = min(64 - pending.count, bytes.count)
            pending += bytes[..<start]
            guard pending.count == 64 else { return }
            let block = pending
            absorb(block.span, at: 0)
            pending = []
        }
        let span = bytes.span
        while start + 64 <= bytes.count {
            absorb(span, at: start)
            start += 64
        }
        pending += bytes[start...]
    }

    /// The hash of everything taken in, 32 bytes.
    package consuming func digest() -> [UInt8] {
        let bits = byteCount &* 8
        var tail: [UInt8] = [0x80]
        while (pending.count + tail.count) % 64 != 56 { tail.append(0) }
        for shift in stride(from: 56, through: 0, by: -8) {
            tail.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
        update(tail)
        return state.indices.flatMap { index in
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: state[index] >> UInt32($0)) }
        }
    }

    /// Lower-case hexadecimal digits of `bytes`.
    package static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Mixes one block of 64 bytes into the state. The message schedule is kept as a ring of 16 words.
    private mutating func absorb(_ bytes: Span<UInt8>, at start: Int) {
        precondition(start >= 0 && start + 64 <= bytes.count, "\(start) + 64 of \(bytes.count)")
        var w: [16 of UInt32] = .init(repeating: 0)
        for i in 0..<16 {
            let at = start &+ 4 &* i
            w[i] =
                UInt32(bytes[at]) << 24 | UInt32(bytes[at &+ 1]) << 16 | UInt32(bytes[at &+ 2]) << 8
                | UInt32(bytes[at &+ 3])
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        // Eight rounds at a time: then the words turn their roles by name instead of being moved. The message
        // schedule goes along with the rounds, whose latency hides its own.
        for k in stride(from: 0, to: 64, by: 8) {
            Self.round(a, b, c, &d, e, f, g, &h, Self.word(&w, k))
            Self.round(h, a, b, &c, d, e, f, &g, Self.word(&w, k &+ 1))
            Self.round(g, h, a, &b, c, d, e, &f, Self.word(&w, k &+ 2))
            Self.round(f, g, h, &a, b, c, d, &e, Self.word(&w, k &+ 3))
            Self.round(e, f, g, &h, a, b, c, &d, Self.word(&w, k &+ 4))
            Self.round(d, e, f, &g, h, a, b, &c, Self.word(&w, k &+ 5))
            Self.round(c, d, e, &f, g, h, a, &b, Self.word(&w, k &+ 6))
            Self.round(b, c, d, &e, f, g, h, &a, Self.word(&w, k &+ 7))
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
        state[4] &+= e
        state[5] &+= f
        state[6] &+= g
        state[7] &+= h
    }

    /// One round with the roles of the eight words given by their places; only `d` and `h` change.
    private static func round(
        _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: inout UInt32, _ e: UInt32, _ f: UInt32, _ g: UInt32,
        _ h: inout UInt32, _ input: UInt32
    ) {
        let first = h &+ (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) &+ (g ^ (e & (f ^ g))) &+ input
        d &+= first
        h = first &+ (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) &+ ((a & b) | (c & (a | b)))
    }

    /// What round `k` takes in: its constant, and its word of the schedule, of which sixteen are kept.
    private static func word(_ w: inout [16 of UInt32], _ k: Int) -> UInt32 {
        let slot = k & 15
        if k >= 16 {
            let (w15, w2) = (w[(k &+ 1) & 15], w[(k &+ 14) & 15])
            let s0 = turn(w15, 7) ^ turn(w15, 18) ^ (w15 &>> 3)
            let s1 = turn(w2, 17) ^ turn(w2, 19) ^ (w2 &>> 10)
            w[slot] = w[slot] &+ s0 &+ w[(k &+ 9) & 15] &+ s1
        }
        return constants[k] &+ w[slot]
    }

    private static func turn(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word &>> count | word &<< (32 &- count)
    }

    /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let constants: [64 of UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
        0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7,
        0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc,
        0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351,
        0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e,
        0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585,
        0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f,
        0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
        0xc671_78f2,
    ]
}
