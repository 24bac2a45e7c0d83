internal import CKernels
package import Machine
package import Tensors

/// Rough rows of a matrix `[rows, columns]`, from which bounds of its products follow; see `ck_bounds`.
///
/// UNSAFE FENCE: as for `RowMatrix`; `order` names each column once.
@safe package struct RoughMatrix: @unchecked Sendable {
    package let rows: Int
    package let layout: RoughRows
    /// Bytes that reading one row touches.
    package var rowBytes: Int { layout.stride }
    private let region: ByteRegion
    private let order: SharedBuffer<UInt32>
    private let factors: SharedBuffer<Float>
    let raw: ck_bounds

    /// - Parameters:
    ///   - factors: of columns; negative for those that have a byte.
    /// - Returns: `nil` when the factors are not as many as the layout says, or are no numbers to multiply with.
    package init?(rows: Int, layout: RoughRows, region: ByteRegion, factors: [Float]) {
        precondition(
            rows > 0 && rows * layout.stride <= region.byteCount,
            "[\(rows), \(layout.columns)] in \(region.byteCount) bytes")
        let columns = factors.indices
        let fine = columns.filter { factors[$0] < 0 }
        guard factors.count == layout.columns, fine.count == min(layout.fine, factors.count),
            factors.allSatisfy({ $0.isNormal })
        else { return nil }
        self.rows = rows
        self.layout = layout
        self.region = region
        self.order = SharedBuffer((fine + columns.filter { factors[$0] >= 0 }).map { UInt32($0) })
        self.factors = SharedBuffer(factors.map(abs))
        unsafe raw = ck_bounds(
            rows: rows, fine: layout.fine, coarse: layout.coarse, base: region.base, stride: layout.stride)
    }

    /// What the rows make of `x`, for `KernelSet.bound`.
    @unsafe fileprivate func prepare(_ input: RoughInput, _ x: ck_activations, isFloat: Bool) {
        var (matrix, vector) = unsafe (raw, x)
        unsafe ck_bounds_prepare(
            input.raw.address(), &matrix, &vector, isFloat ? 1 : 0, order.address(), factors.address())
    }
}

/// A vector as rough rows meet it.
///
/// UNSAFE FENCE: the codes that the raw value points to are retained beside it.
@safe package final class RoughInput: @unchecked Sendable {
    fileprivate let raw: SharedBuffer<ck_bounds_input>
    private let codes: SharedBuffer<Int8>
    private let layout: RoughRows

    package init(_ layout: RoughRows) {
        self.layout = layout
        codes = SharedBuffer(count: layout.fine + layout.coarse)
        let empty = unsafe ck_bounds_input(
            codes: codes.address(), fine: 0, coarse: 0, fine_sum: 0, coarse_sum: 0, spread: 0)
        unsafe raw = SharedBuffer([empty])
    }

    fileprivate func check(_ matrix: RoughMatrix) { precondition(matrix.layout == layout, "\(layout)") }
}

/// The operations on rough rows.
extension KernelSet {
    /// Makes `input` of `x`, as the kernels of the exact matrix see it.
    ///
    /// - Parameter isFloat: whether those use `values`, not codes.
    package func prepare(
        _ input: RoughInput, _ matrix: RoughMatrix, _ x: Activations, values: FloatSlice, isFloat: Bool
    ) {
        input.check(matrix)
        precondition(
            x.length == matrix.layout.columns && values.count == x.length, "\(x.length), \(matrix.layout)")
        unsafe matrix.prepare(input, x.vector(0, values: values.base), isFloat: isFloat)
    }

    /// `y[r]` = an upper bound of `W[r] · x` for `rows`, of the vector that `input` was made of.
    package func bound(into y: FloatSlice, _ matrix: RoughMatrix, _ input: RoughInput, rows: Range<Int>) {
        input.check(matrix)
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= matrix.rows && y.count >= rows.upperBound, "\(rows)")
        var raw = unsafe matrix.raw
        unsafe table.pointee.rows_bound(y.base, &raw, input.raw.address(), rows.lowerBound, rows.upperBound)
    }

    /// Keeps the elements of `x` that are not less than `least`, also what is no number.
    ///
    /// - Returns: how many.
    @discardableResult
    package func keep(_ x: FloatSlice, from least: Float, into mask: KeepMask) -> Int {
        precondition(x.count == mask.count, "\(x.count), \(mask.count)")
        return unsafe ck_keep_from(mask.words.address(), x.base, x.count, least)
    }
}
