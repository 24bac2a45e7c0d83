internal import Machine

/// Draws lines over those it drew before. It changes no mode of the terminal, so that nothing has to be put back
/// whichever way the program ends, and the last lines stay to be read.
struct Redraw {
    private var height = 0
    private var columns = 0

    /// What to write so that `lines` stand in place of the last ones, cut to a terminal of `size`.
    mutating func text(_ lines: [String], in size: TerminalSize) -> String {
        // A terminal of another width has wrapped the old lines anew; where they begin is not known any more.
        let up = size.columns == columns && height > 0 ? "\u{1B}[\(height)A" : ""
        let shown = lines.prefix(max(size.rows - 1, 1))
        (height, columns) = (shown.count, size.columns)
        // Not in the last column, where terminals differ on when a line wraps.
        let cut = shown.map { Self.printable($0).prefix(max(size.columns - 1, 1)) + "\u{1B}[K\n" }
        return "\r" + up + cut.joined() + "\u{1B}[J"
    }

    /// Takes away what is typed below the lines, such as the `^C` that ends them.
    static let end = "\r\u{1B}[J"

    /// A daemon's words may hold what a terminal obeys.
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }
}
