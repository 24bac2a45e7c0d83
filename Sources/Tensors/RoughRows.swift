/// How rough rows of a matrix lie, from whose products with a vector bounds of the exact ones follow.
///
/// A few columns have a byte, the others 2 bits: `docs/store-format.md`.
public struct RoughRows: Sendable, Hashable {
    /// Of the exact matrix.
    public let columns: Int

    public init(columns: Int) { self.columns = columns }

    /// Columns with a byte: a twenty-fourth, which hold most of a hidden state's length.
    public var fine: Int { WeightForm.padded((columns + 23) / 24) }

    /// Columns with 2 bits, padded to whole units.
    public var coarse: Int { WeightForm.padded(max(columns - fine, 1)) }

    /// Bytes of the codes of 2 bits.
    public var coarseBytes: Int { coarse / 4 }

    /// Bytes between rows: codes and four f16, to 16 bytes.
    public var stride: Int { (fine + coarseBytes + 8 + 15) / 16 * 16 }

    /// Coarse codes lie in units of this many columns.
    public static let unit = 256

    /// Where the code of coarse column `index` lies: its byte behind the fine ones, and the first of its bits.
    public func place(ofCoarse index: Int) -> (byte: Int, shift: Int) {
        let first = index / Self.unit * Self.unit
        let width = min(coarse - first, Self.unit) / 4
        return (first / 4 + (index - first) % width, (index - first) / width * 2)
    }

    /// Whether rows of `rowBytes` take long enough to read that reading rough ones first saves anything.
    public func isWorthwhile(rowBytes: Int) -> Bool { 3 * stride <= 2 * rowBytes }
}
