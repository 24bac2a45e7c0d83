internal import Machine
internal import Tensors

/// A tensor of the source file: `[rows, columns]`, row by row; a vector is one row.
struct SourceMatrix: Sendable {
    let file: MappedFile
    let name: String
    let format: ElementType
    let rows: Int
    /// A multiple of the format's block.
    let columns: Int
    /// Of its bytes in the file; exactly `rows * rowBytes` long.
    let range: Range<Int>

    var rowBytes: Int { columns / format.blockElements * format.blockBytes }

    /// The bytes of `columns`, whole blocks, of one row.
    func bytes(row: Int, columns: Range<Int>) -> [UInt8] {
        let start = range.lowerBound + row * rowBytes
        let (lower, upper) = (
            columns.lowerBound / format.blockElements, columns.upperBound / format.blockElements
        )
        return file.bytes(start + lower * format.blockBytes..<start + upper * format.blockBytes)
    }

    /// The bytes of consecutive rows.
    func bytes(rows: Range<Int>) -> [UInt8] {
        file.bytes(
            range.lowerBound + rows.lowerBound * rowBytes..<range.lowerBound + rows.upperBound * rowBytes)
    }

    /// Gives the pages of consecutive rows back, so that a large source does not fill this process's memory.
    func release(rows: Range<Int>) {
        file.advise(
            .dontNeed,
            range.lowerBound + rows.lowerBound * rowBytes..<range.lowerBound + rows.upperBound * rowBytes)
    }
}
