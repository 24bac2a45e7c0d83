/// The mark of a profile: its colour and its shape, so that it can be told without colours too.
enum Mark {
    /// Colours that the page's style has.
    static let colorCount = 8

    static func colorClass(_ color: Int?) -> String { color.map { "c\($0 % colorCount)" } ?? "reference" }

    /// - Parameters:
    ///   - size: half the width of a square as large.
    ///   - note: shown by a pointer that rests on it.
    static func svg(_ color: Int?, at place: (x: Double, y: Double), size: Double, note: String) -> HTMLText {
        let (x, y) = place
        let title: HTMLText = note.isEmpty ? "" : "<title>\(note)</title>"
        switch color.map({ $0 % 4 }) ?? 0 {
        case 0: return "<circle class=\"mark\" cx=\"\(x)\" cy=\"\(y)\" r=\"\(size)\">\(title)</circle>"
        case 1:
            let half = size * 0.9
            return """
                <path class="mark" d="M\(x - half) \(y - half)h\(2 * half)v\(2 * half)h\(-2 * half)Z">\(title)</path>
                """
        case 2:
            let half = size * 1.25
            return """
                <path class="mark" d="M\(x) \(y - half)l\(half) \(half)l\(-half) \(half)l\(-half) \(-half)Z">\
                \(title)</path>
                """
        default:
            let half = size * 1.15
            return """
                <path class="mark" d="M\(x) \(y - half)l\(half) \(1.8 * half)h\(-2 * half)Z">\(title)</path>
                """
        }
    }

    /// The mark alone, for legends and tables.
    static func legend(_ color: Int?) -> HTMLText {
        """
        <svg class="swatch \(colorClass(color))" viewBox="0 0 14 14" aria-hidden="true">\
        \(svg(color, at: (7, 7), size: 4.5, note: ""))</svg>
        """
    }
}
