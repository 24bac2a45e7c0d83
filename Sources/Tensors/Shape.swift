/// The sizes of a tensor, `[outer, inner]`: one to four positive ones, whose product fits an `Int`.
public struct Shape: Sendable, Hashable, CustomStringConvertible {
    /// Outermost first; unused ones are 1.
    private let sizes: SIMD4<Int>
    public let rank: Int
    /// The product of all sizes.
    public let elementCount: Int

    public static let maximumRank = 4

    /// `nil` unless `sizes`, outermost first, are one to four positive numbers whose product fits an `Int`.
    public init?(_ sizes: [Int]) {
        guard (1...Self.maximumRank).contains(sizes.count) else { return nil }
        var kept = SIMD4<Int>(repeating: 1)
        var product = 1
        for (axis, size) in sizes.enumerated() {
            let (next, overflow) = product.multipliedReportingOverflow(by: size)
            guard size > 0, !overflow else { return nil }
            kept[axis] = size
            product = next
        }
        self.sizes = kept
        rank = sizes.count
        elementCount = product
    }

    /// The size along `axis`, 0 being the outermost; traps outside `0..<rank`.
    public subscript(axis: Int) -> Int {
        precondition(axis >= 0 && axis < rank, "axis \(axis) of \(rank)")
        return sizes[axis]
    }

    /// The sizes, outermost first.
    public var outerToInner: [Int] { (0..<rank).map { sizes[$0] } }
    /// Elements of a row: the innermost size.
    public var columns: Int { sizes[rank - 1] }
    /// The product of all sizes but the innermost; 1 for a vector.
    public var rows: Int { elementCount / columns }

    public var description: String { "\(outerToInner)" }
}
