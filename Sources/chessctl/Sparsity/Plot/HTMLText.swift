/// Markup for a page: literals stand as they are, and every interpolated text is escaped.
///
/// The only ways in are literals of this program and `escaped`, so nothing a file says can become a tag.
struct HTMLText: Equatable, ExpressibleByStringInterpolation {
    private(set) var markup: String

    init(stringLiteral value: String) { markup = value }

    init(stringInterpolation: StringInterpolation) { markup = stringInterpolation.markup }

    init(_ parts: [HTMLText], separator: HTMLText = "") {
        markup = parts.map(\.markup).joined(separator: separator.markup)
    }

    static func += (text: inout HTMLText, more: HTMLText) { text.markup += more.markup }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var markup = ""

        init(literalCapacity: Int, interpolationCount: Int) { markup.reserveCapacity(literalCapacity) }

        mutating func appendLiteral(_ literal: String) { markup += literal }
        mutating func appendInterpolation(_ text: String) { markup += HTMLText.escaped(text) }
        mutating func appendInterpolation(_ markup: HTMLText) { self.markup += markup.markup }
        mutating func appendInterpolation(_ parts: [HTMLText]) { for part in parts { markup += part.markup } }
        mutating func appendInterpolation(_ number: Int) { markup += String(number) }
        /// A length in pixels, to a tenth.
        mutating func appendInterpolation(_ pixels: Double) { markup += Readable.fixed(pixels, 1) }
    }

    /// `text` as it may stand between tags and inside quoted attributes.
    ///
    /// What no document may hold, and what turns the direction of the text after it, becomes U+FFFD.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\t", "\n": result.unicodeScalars.append(scalar)
            case "\u{00}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}":
                result += "\u{FFFD}"
            default:
                result += scalar.properties.isNoncharacterCodePoint ? "\u{FFFD}" : String(scalar)
            }
        }
        return result
    }
}
