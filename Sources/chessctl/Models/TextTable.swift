/// Columns of text for people: the first column to the left, numbers to the right.
struct TextTable {
    private var rows: [[String]]
    private let rightAligned: Set<Int>

    init(_ header: [String], rightAligned: Set<Int>) {
        rows = [header]
        self.rightAligned = rightAligned
    }

    /// As many cells as the header has.
    mutating func append(_ row: [String]) { rows.append(row) }

    /// The table, each row a line, with two spaces between columns.
    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                line +=
                    (column == 0 ? "" : "  ") + (rightAligned.contains(column) ? space + cell : cell + space)
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}

/// Numbers as people read them.
enum Readable {
    /// `value` with `digits` after the point, at least one.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        let fraction = String(scaled % scale)
        return (value < 0 ? "-" : "") + String(scaled / scale) + "."
            + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// Megabytes, of 10^6 bytes; small amounts with more digits.
    static func megabytes(_ bytes: Int) -> String {
        fixed(Double(bytes) / 1e6, bytes < 1_000_000 ? 3 : 1)
    }

    /// Stored bytes per raw byte.
    static func ratio(_ stored: Int, _ raw: Int) -> String { fixed(Double(stored) / Double(max(raw, 1)), 3) }
}
