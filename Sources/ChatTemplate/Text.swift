/// Python's idea of text: code points, not grapheme clusters. `"\r\n"` is two of them.
enum Text {
    /// `str.isspace`, which is also what `strip`, `split` and the lexer take for whitespace.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
            0x3000:
            true
        default: false
        }
    }

    static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar >= "0" && scalar <= "9" }

    /// A letter, digit or underscore, as in a name.
    static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || isDigit(scalar)
            || (scalar.isASCII
                ? (scalar.value | 0x20) >= 0x61 && (scalar.value | 0x20) <= 0x7A
                : scalar.properties.isAlphabetic)
    }

    static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    static func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    static func same(_ left: String, _ right: String) -> Bool { ExactText(left) == ExactText(right) }

    /// Order of code points, which UTF-8 keeps.
    static func less(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    // MARK: searching, on UTF-8: a match of whole characters starts and ends between characters

    /// Byte offset of the first `needle` at or after `start`; the empty needle is found at once.
    static func find(_ needle: [UInt8], in text: [UInt8], from start: Int = 0) -> Int? {
        guard needle.count <= text.count - start else { return nil }
        guard let first = needle.first else { return start }
        if needle.count > 16 { return findLong(needle, in: text, from: start) }
        var at = start
        while at <= text.count - needle.count {
            if text[at] == first, text[at..<at + needle.count].elementsEqual(needle) { return at }
            at += 1
        }
        return nil
    }

    /// Knuth, Morris and Pratt: linear however the two texts repeat themselves.
    private static func findLong(_ needle: [UInt8], in text: [UInt8], from start: Int) -> Int? {
        var borders = [0]
        var matched = 0
        for byte in needle.dropFirst() {
            while matched > 0, byte != needle[matched] { matched = borders[matched - 1] }
            if byte == needle[matched] { matched += 1 }
            borders.append(matched)
        }
        matched = 0
        for place in start..<text.count {
            while matched > 0, text[place] != needle[matched] { matched = borders[matched - 1] }
            if text[place] == needle[matched] { matched += 1 }
            if matched == needle.count { return place + 1 - needle.count }
        }
        return nil
    }

    /// Byte offset of the last `needle` that ends at or before `end`.
    static func findLast(_ needle: [UInt8], in text: [UInt8], before end: Int) -> Int? {
        if needle.count > 16, end > 0 {
            let found = findLong(needle.reversed(), in: text[..<end].reversed(), from: 0)
            return found.map { end - $0 - needle.count }
        }
        var at = end - needle.count
        while at >= 0 {
            if text[at..<at + needle.count].elementsEqual(needle) { return at }
            at -= 1
        }
        return nil
    }

    static func contains(_ needle: String, in text: String) -> Bool {
        find(Array(needle.utf8), in: Array(text.utf8)) != nil
    }

    static func hasPrefix(_ prefix: String, of text: String) -> Bool { text.utf8.starts(with: prefix.utf8) }

    static func hasSuffix(_ suffix: String, of text: String) -> Bool {
        text.utf8.count >= suffix.utf8.count && text.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }

    // MARK: stripping and splitting

    /// `text` without the characters of `set` (nil: whitespace) at the chosen ends.
    static func strip(_ text: String, of set: String? = nil, left: Bool = true, right: Bool = true) -> String
    {
        let set = set.map { Set($0.unicodeScalars) }
        let drops: (Unicode.Scalar) -> Bool = { set?.contains($0) ?? isSpace($0) }
        var view = text.unicodeScalars[...]
        if left { view = view.drop(while: drops) }
        while right, let last = view.last, drops(last) { view.removeLast() }
        return String(view)
    }

    /// Pieces between whitespace, at most `limit` cuts when that is not negative.
    static func words(_ text: String, limit: Int) -> [String] {
        var pieces: [String] = []
        var rest = text.unicodeScalars.drop(while: isSpace)
        while !rest.isEmpty {
            if limit >= 0, pieces.count == limit {
                pieces.append(String(rest))
                break
            }
            let piece = rest.prefix { !isSpace($0) }
            pieces.append(String(piece))
            rest = rest[piece.endIndex...].drop(while: isSpace)
        }
        return pieces
    }

    /// `words` from the right.
    static func lastWords(_ text: String, limit: Int) -> [String] {
        var pieces: [String] = []
        var rest = Array(strip(text, left: false).unicodeScalars)[...]
        while !rest.isEmpty {
            if limit >= 0, pieces.count == limit {
                pieces.append(string(rest))
                break
            }
            var start = rest.endIndex
            while start > rest.startIndex, !isSpace(rest[start - 1]) { start -= 1 }
            pieces.append(string(rest[start...]))
            rest = rest[..<start]
            while let last = rest.last, isSpace(last) { rest.removeLast() }
        }
        return pieces.reversed()
    }

    /// Pieces between `separator`, which is not empty.
    static func split(_ text: String, by separator: String, limit: Int) -> [String] {
        let (bytes, needle) = (Array(text.utf8), Array(separator.utf8))
        var pieces: [String] = []
        var start = 0
        while limit < 0 || pieces.count < limit, let found = find(needle, in: bytes, from: start) {
            pieces.append(string(bytes[start..<found]))
            start = found + needle.count
        }
        return pieces + [string(bytes[start...])]
    }

    /// `split` from the right.
    static func splitLast(_ text: String, by separator: String, limit: Int) -> [String] {
        let (bytes, needle) = (Array(text.utf8), Array(separator.utf8))
        var pieces: [String] = []
        var end = bytes.count
        while limit < 0 || pieces.count < limit, let found = findLast(needle, in: bytes, before: end) {
            pieces.append(string(bytes[found + needle.count..<end]))
            end = found
        }
        return ([string(bytes[..<end])] + pieces.reversed() as [String])
    }

    /// Lines without (or with) their ends, as `str.splitlines`.
    static func lines(_ text: String, keepEnds: Bool = false) -> [String] {
        var found: [String] = []
        var line = String.UnicodeScalarView()
        var isOpen = false
        var iterator = text.unicodeScalars.makeIterator()
        var pending = iterator.next()
        while let scalar = pending {
            pending = iterator.next()
            switch scalar.value {
            case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029:
                if keepEnds { line.append(scalar) }
                if scalar == "\r", pending == "\n" {
                    if keepEnds { line.append("\n") }
                    pending = iterator.next()
                }
                found.append(String(line))
                line = .init()
                isOpen = false
            default:
                line.append(scalar)
                isOpen = true
            }
        }
        return isOpen ? found + [String(line)] : found
    }

    // MARK: changing

    /// `text` with at most `limit` (negative: all) of `old` exchanged for `new`.
    static func replace(_ old: String, with new: String, in text: String, limit: Int = -1) -> String {
        guard limit != 0 else { return text }
        if old.isEmpty {
            var result = ""
            var left = limit < 0 ? Int.max : limit
            for scalar in text.unicodeScalars {
                if left > 0 {
                    result += new
                    left -= 1
                }
                result.unicodeScalars.append(scalar)
            }
            return left > 0 ? result + new : result
        }
        return split(text, by: old, limit: limit).joined(separator: new)
    }

    /// First character upper case, the others lower, as `str.capitalize`.
    static func capitalize(_ text: String) -> String {
        guard let first = text.unicodeScalars.first else { return "" }
        return first.properties.titlecaseMapping + String(text.unicodeScalars.dropFirst()).lowercased()
    }

    /// Upper case behind anything without case, as `str.title`.
    static func title(_ text: String) -> String {
        var result = ""
        var inWord = false
        for scalar in text.unicodeScalars {
            let cased = scalar.properties.isCased
            result += inWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
            inWord = cased
        }
        return result
    }

    /// HTML's five characters, spelled as MarkupSafe does.
    static func escape(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "'": result += "&#39;"
            case "\"": result += "&#34;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
