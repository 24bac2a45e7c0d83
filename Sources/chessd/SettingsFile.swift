internal import WireAPI

/// The settings file: YAML's plain form, one `key: value` a line.
///
/// Read with own code: the YAML provider of swift-configuration brings Yams, and with it all of Foundation
/// and its ICU data into the daemon. What of YAML is understood: comments, one `---` at the start, plain,
/// 'single' and "double" quoted scalars. Everything else is refused by name and line, never misread.
struct SettingsFile: Equatable {
    struct Entry: Equatable {
        var value: String
        var line: Int
    }

    let path: String
    private(set) var entries: [String: Entry] = [:]

    /// Settings files are small; a larger one is some other file.
    static let maximumBytes = 64 * 1024

    init(path: String, text: String) throws(SettingsError) {
        self.path = path
        let known = SettingKey.all.map(\.name)
        for (index, rawLine) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = index + 1
            guard let (key, value) = try Self.pair(in: rawLine, path: path, line: line) else { continue }
            guard known.contains(key) else {
                throw .unknownKey(
                    place: "\(path):\(line)", key: key, suggestion: Suggestion.nearest(to: key, among: known))
            }
            if let earlier = entries[key] {
                throw .syntax(
                    path: path, line: line, problem: "\(key) is set already in line \(earlier.line)")
            }
            entries[key] = Entry(value: value, line: line)
        }
    }

    /// The key and value of one line; `nil` when it holds neither.
    private static func pair(
        in rawLine: Substring, path: String, line: Int
    ) throws(SettingsError) -> (key: String, value: String)? {
        let text = rawLine.last == "\r" || rawLine.last == "\r\n" ? rawLine.dropLast() : rawLine
        let trimmed = trim(text)
        if trimmed.isEmpty || trimmed.first == "#" || trimmed == "---" || trimmed == "..." { return nil }
        guard let first = text.first, first != " ", first != "\t" else {
            throw .syntax(
                path: path, line: line, problem: "the line is indented; every setting begins its line")
        }
        guard first != "-", let colon = trimmed.firstIndex(of: ":") else {
            throw .syntax(
                path: path, line: line, problem: "expected key: value, found \"\(trimmed.prefix(40))\"")
        }
        let key = String(trim(trimmed[..<colon]))
        let rest = trimmed[trimmed.index(after: colon)...]
        guard rest.isEmpty || rest.first == " " || rest.first == "\t" else {
            throw .syntax(path: path, line: line, problem: "expected a space after \"\(key):\"")
        }
        do {
            guard let value = try scalar(trim(rest)) else { return nil }
            return (key, value)
        } catch {
            throw .syntax(path: path, line: line, problem: "\(key): \(error.problem)")
        }
    }

    private struct ScalarError: Error {
        var problem: String
    }

    /// The text of a scalar; `nil` for YAML's null.
    private static func scalar(_ text: Substring) throws(ScalarError) -> String? {
        guard let first = text.first, first != "#" else { return nil }
        switch first {
        case "\"", "'": return try quoted(text, quote: first)
        case "[", "{": throw ScalarError(problem: "lists and maps are not read here, only one value")
        case "|", ">": throw ScalarError(problem: "texts of several lines are not read here")
        case "&", "*", "!", "@", "`", "%":
            throw ScalarError(problem: "begins with \(first), put the value in quotes")
        default: break
        }
        var plain = text
        if let comment = text.indices.first(where: { index in
            text[index] == "#" && index > text.startIndex && " \t".contains(text[text.index(before: index)])
        }) {
            plain = trim(text[..<comment])
        }
        guard !plain.contains(": ") && plain.last != ":" else {
            throw ScalarError(problem: "holds a colon, put the value in quotes")
        }
        return plain == "~" || plain == "null" ? nil : String(plain)
    }

    private static func quoted(_ text: Substring, quote: Character) throws(ScalarError) -> String {
        var value = ""
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            if character == quote {
                if quote == "'", rest.first == "'" {
                    value.append(rest.removeFirst())
                    continue
                }
                let after = trim(rest)
                guard after.isEmpty || (after.first == "#" && " \t".contains(rest.first ?? "#")) else {
                    throw ScalarError(problem: "found \"\(after.prefix(20))\" after the closing quote")
                }
                return value
            }
            guard character == "\\", quote == "\"" else {
                value.append(character)
                continue
            }
            switch rest.popFirst() {
            case "n": value.append("\n")
            case "t": value.append("\t")
            case "\"": value.append("\"")
            case "\\": value.append("\\")
            case let other:
                throw ScalarError(problem: "\\\(other.map(String.init) ?? "") is no escape read here")
            }
        }
        throw ScalarError(problem: "the closing quote is missing")
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text.drop { $0 == " " || $0 == "\t" }
    }
}
