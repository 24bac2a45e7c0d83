internal import Machine
package import Tensors

/// One entry of the tensor table, checked against the file.
package struct GGUFTensor: Sendable, Equatable {
    package let name: String
    package let type: ElementType
    /// `[outer, inner]`; a row is a whole number of blocks.
    package let shape: Shape
    /// The blocks, as absolute bytes of the file: exactly `rows * rowBytes` of them, all inside.
    package let fileRange: Range<Int>

    /// The sizes innermost first, as GGUF writes them.
    package var dimensions: [Int] { shape.outerToInner.reversed() }
    /// Elements of a row.
    package var columns: Int { shape.columns }
    /// The product of all other sizes.
    package var rows: Int { shape.rows }
    package var elementCount: Int { shape.elementCount }
    /// Bytes of a row of blocks.
    package var rowBytes: Int { columns / type.blockElements * type.blockBytes }

    /// All elements as floats, row by row.
    package func decoded(in file: GGUFFile) -> [Float] { decoded(rows: 0..<rows, in: file) }

    /// The elements of some rows as floats; traps when there are fewer rows.
    package func decoded(rows selected: Range<Int>, in file: GGUFFile) -> [Float] {
        precondition(selected.lowerBound >= 0 && selected.upperBound <= rows, "rows \(selected) of \(rows)")
        let start = fileRange.lowerBound + selected.lowerBound * rowBytes
        var floats: [Float] = []
        floats.reserveCapacity(selected.count * columns)
        decodeBlocks(type, bytes: file.file.bytes(start..<start + selected.count * rowBytes), into: &floats)
        return floats
    }
}
