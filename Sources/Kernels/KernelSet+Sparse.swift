internal import CKernels
package import Machine
internal import Tensors

/// Which of `count` channels are kept: one bit each, in words of 32.
package struct KeepMask: Sendable {
    package let count: Int
    /// `[count / 32]`, rounded up.
    package let words: SharedBuffer<UInt32>

    /// All dropped.
    package init(count: Int) {
        precondition(count > 0, "\(count) channels")
        self.count = count
        words = SharedBuffer(count: (count + 31) / 32)
    }

    /// How many of `channels` are kept; a range begins and ends on whole words, or at the end.
    package func keptCount(_ channels: Range<Int>? = nil) -> Int {
        let range = checkedWords(channels ?? 0..<count)
        return unsafe ck_count_kept(words.address(of: range.lowerBound), range.count)
    }

    /// Keeps `channels` and no others.
    package func keepOnly(_ channels: some Sequence<Int>) {
        for word in 0..<words.count { words[word] = 0 }
        for channel in channels {
            precondition(channel >= 0 && channel < count, "\(channel) of \(count)")
            words[channel / 32] |= 1 << UInt32(channel % 32)
        }
    }

    /// The first channel that is kept; `nil` for none.
    package var firstKept: Int? {
        (0..<words.count).first { words[$0] != 0 }.map { 32 * $0 + words[$0].trailingZeroBitCount }
    }

    /// Calls `body` with every channel that is kept, in rising order.
    package func forEachKept(_ body: (Int) -> Void) {
        for word in 0..<words.count {
            var bits = words[word]
            while bits != 0 {
                body(32 * word + bits.trailingZeroBitCount)
                bits &= bits - 1
            }
        }
    }

    func checkedWords(_ channels: Range<Int>) -> Range<Int> {
        precondition(
            channels.lowerBound >= 0 && channels.lowerBound % 32 == 0 && channels.upperBound <= count
                && (channels.upperBound % 32 == 0 || channels.upperBound == count), "\(channels) of \(count)")
        return channels.lowerBound / 32..<(channels.upperBound + 31) / 32
    }
}

/// What makes a channel be kept: its distance from the usual value reaches a limit.
package struct KeepRule: Sendable {
    /// `[n]`; 0 keeps everything.
    package let limits: SharedBuffer<Float>
    /// `[n]`, the usual values; `nil` is all zeros.
    package let center: SharedBuffer<Float>?

    package init(limits: SharedBuffer<Float>, center: SharedBuffer<Float>? = nil) {
        precondition(center == nil || center?.count == limits.count, "\(limits.count) limits")
        self.limits = limits
        self.center = center
    }
}

/// The operations that leave channels out.
extension KernelSet {
    /// Sets the bits of `channels` in `mask`: kept where `|x - center| >= limit`.
    ///
    /// - Parameter channels: all by default; a range begins and ends on whole words, or at the end.
    package func keep(
        _ x: FloatSlice, by rule: KeepRule, channels: Range<Int>? = nil, into mask: KeepMask
    ) {
        precondition(x.count == mask.count && rule.limits.count == mask.count, "\(x.count), \(mask.count)")
        let range = channels ?? 0..<mask.count
        let words = mask.checkedWords(range)
        guard !range.isEmpty else { return }
        unsafe table.pointee.keep(
            mask.words.address(of: words.lowerBound), x.base + range.lowerBound,
            rule.center.map { unsafe UnsafePointer($0.address(of: range.lowerBound)) },
            rule.limits.address(of: range.lowerBound), range.count)
    }

    /// Writes `x` less its center, with zeros for the channels that `rule` drops, to `out`, which may be `x`.
    ///
    /// - Parameter mask: is set to the channels that are kept.
    package func leaveOut(_ x: FloatSlice, by rule: KeepRule, mask: KeepMask, into out: FloatSlice) {
        keep(x, by: rule, into: mask)
        if let center = rule.center {
            subtract(FloatSlice(center), from: x, into: out)
        } else if out.start != x.start || out.buffer !== x.buffer {
            out.copy(x)
        }
        drop(out, mask)
    }

    /// Zeroes what `mask` does not keep.
    func drop(_ x: FloatSlice, _ mask: KeepMask) {
        precondition(x.count == mask.count, "\(x.count), \(mask.count)")
        unsafe ck_drop(x.base, mask.words.address(), x.count)
    }

    /// `out = x - y`.
    package func subtract(_ y: FloatSlice, from x: FloatSlice, into out: FloatSlice) {
        precondition(x.count == y.count && out.count == x.count, "\(x.count), \(y.count), \(out.count)")
        unsafe ck_subtract(out.base, x.base, y.base, x.count)
    }

    /// What quantising `values` as vector `row` of `x` lost.
    package func residual(of x: Activations, values: FloatRows, row: Int, into out: FloatRows) {
        precondition(values.length == x.length && out.length == x.length, "\(out.length) for \(x.length)")
        var vector = unsafe x.vector(row, values: values[row].base)
        unsafe ck_residual(out[row].base, &vector)
    }
}
