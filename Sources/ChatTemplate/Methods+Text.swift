/// Methods of strings.
extension Interpreter {
    func call(
        _ method: Method.TextMethod, of text: String, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        try charge(text.utf8.count / 8)
        switch method {
        case .strip, .lstrip, .rstrip:
            let values = try arguments.bind("chars", of: method.rawValue, self)
            let stripped = Text.strip(
                text, of: try optionalText(values[0]), left: method != .rstrip, right: method != .lstrip)
            return .string(stripped)
        case .split, .rsplit: return try split(method, text, arguments)
        case .splitlines:
            let values = try arguments.bind("keepends", of: method.rawValue, self)
            return try list(Text.lines(text, keepEnds: values[0]?.isTrue ?? false).map(Value.string))
        case .partition, .rpartition: return try partition(method, text, arguments)
        case .startswith, .endswith: return .bool(try matches(method, text, arguments))
        case .find, .rfind, .index, .rindex, .count: return try find(method, in: text, arguments)
        case .replace:
            let values = try arguments.bind("old", "new", "count", required: 2, of: method.rawValue, self)
            let (old, new) = (try needed(values[0]), try needed(values[1]))
            return try replaced(
                text, old, new, limit: try integer(values[2], "replace: count", otherwise: -1))
        case .removeprefix, .removesuffix:
            let part = try needed(arguments.bind("part", required: 1, of: method.rawValue, self)[0])
            return .string(Text.removing(part, from: text, atEnd: method == .removesuffix))
        case .join:
            let values = try arguments.bind("iterable", required: 1, of: method.rawValue, self)
            return try join(try elements(of: values[0] ?? .none), separator: text)
        case .format: return try braceFormat(text, arguments)
        case .center, .ljust, .rjust, .zfill: return try padded(method, text, arguments)
        default:
            _ = try arguments.bind(of: method.rawValue, self)
            return plain(method, text)
        }
    }

    /// Methods without arguments.
    private func plain(_ method: Method.TextMethod, _ text: String) -> Value {
        switch method {
        case .upper: .string(text.uppercased())
        case .lower: .string(text.lowercased())
        case .capitalize: .string(Text.capitalize(text))
        case .title: .string(Text.title(text))
        case .swapcase: .string(Text.swapCase(text))
        case .isupper: .bool(Text.hasCase(text, upper: true))
        case .islower: .bool(Text.hasCase(text, upper: false))
        case .istitle:
            .bool(Text.same(Text.title(text), text) && text.unicodeScalars.contains { $0.properties.isCased })
        default: .bool(!text.isEmpty && text.unicodeScalars.allSatisfy { Text.isKind(method, $0) })
        }
    }

    /// An argument that must be a string.
    private func needed(_ value: Value?) throws(TemplateError) -> String {
        if let value, let error = undefinedError(value) { throw error }
        guard case .string(let text)? = value else {
            throw fail("a str is needed, not \(value?.typeName ?? "nothing")")
        }
        return text
    }

    private func split(
        _ method: Method.TextMethod, _ text: String, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let values = try arguments.bind("sep", "maxsplit", of: method.rawValue, self)
        let limit = try integer(values[1], "\(method.rawValue): maxsplit", otherwise: -1)
        let pieces: [String]
        if let separator = try optionalText(values[0]) {
            guard !separator.isEmpty else { throw fail("\(method.rawValue): the separator is empty") }
            pieces =
                method == .split
                ? Text.split(text, by: separator, limit: limit)
                : Text.splitLast(text, by: separator, limit: limit)
        } else {
            pieces = method == .split ? Text.words(text, limit: limit) : Text.lastWords(text, limit: limit)
        }
        return try list(pieces.map(Value.string))
    }

    private func partition(
        _ method: Method.TextMethod, _ text: String, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let separator = try needed(arguments.bind("sep", required: 1, of: method.rawValue, self)[0])
        guard !separator.isEmpty else { throw fail("\(method.rawValue): the separator is empty") }
        let isFirst = method == .partition
        let pieces =
            isFirst
            ? Text.split(text, by: separator, limit: 1) : Text.splitLast(text, by: separator, limit: 1)
        let parts =
            pieces.count == 2
            ? [pieces[0], separator, pieces[1]] : isFirst ? [text, "", ""] : ["", "", text]
        return try list(parts.map(Value.string), .tuple)
    }

    private func matches(
        _ method: Method.TextMethod, _ text: String, _ arguments: Arguments
    ) throws(TemplateError) -> Bool {
        let values = try arguments.bind("prefix", "start", "end", required: 1, of: method.rawValue, self)
        var text = text
        if values[1] != nil || values[2] != nil { text = try part(of: text, values[1], values[2]).text }
        var candidates = [values[0] ?? .none]
        if case .list(let cell)? = values[0], cell.kind == .tuple { candidates = cell.items }
        for candidate in candidates {
            let part = try needed(candidate)
            if method == .startswith ? Text.hasPrefix(part, of: text) : Text.hasSuffix(part, of: text) {
                return true
            }
        }
        return false
    }

    /// The part that the optional arguments `start` and `end` leave, and where it begins.
    private func part(
        of text: String, _ start: Value?, _ end: Value?
    ) throws(TemplateError) -> (text: String, start: Int) {
        let scalars = Array(text.unicodeScalars)
        func place(_ value: Value?, otherwise: Int) throws(TemplateError) -> Int {
            let place = try integer(value, "a place", otherwise: otherwise)
            return min(max(place < 0 ? place + scalars.count : place, 0), scalars.count)
        }
        let first = try place(start, otherwise: 0)
        let last = max(first, try place(end, otherwise: scalars.count))
        return (Text.string(scalars[first..<last]), first)
    }

    private func find(
        _ method: Method.TextMethod, in text: String, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let values = try arguments.bind("sub", "start", "end", required: 1, of: method.rawValue, self)
        let wanted = try needed(values[0])
        let (text, offset) = try part(of: text, values[1], values[2])
        let (bytes, needle) = (Array(text.utf8), Array(wanted.utf8))
        if method == .count {
            guard !needle.isEmpty else { return .int(text.unicodeScalars.count + 1) }
            return .int(Text.split(text, by: wanted, limit: -1).count - 1)
        }
        let isLast = method == .rfind || method == .rindex
        let place =
            isLast ? Text.findLast(needle, in: bytes, before: bytes.count) : Text.find(needle, in: bytes)
        if let place { return .int(offset + Text.string(bytes[..<place]).unicodeScalars.count) }
        guard method == .find || method == .rfind else {
            throw fail("\(method.rawValue): \(Text.quoted(wanted)) is not in the text")
        }
        return .int(-1)
    }

    private func join(_ items: [Value], separator: String) throws(TemplateError) -> Value {
        var result = ""
        for (index, item) in items.enumerated() {
            let piece = try needed(item)
            try chargeText(piece.utf8.count + separator.utf8.count)
            if index > 0 { result += separator }
            result += piece
            try checkSize(result)
        }
        return .string(result)
    }

    private func padded(
        _ method: Method.TextMethod, _ text: String, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let values = try arguments.bind("width", "fillchar", required: 1, of: method.rawValue, self)
        let width = try integer(values[0], "\(method.rawValue): width", otherwise: 0)
        let fill = try optionalText(values[1]) ?? " "
        guard fill.unicodeScalars.count == 1 else {
            throw fail("\(method.rawValue): the fill is not one character")
        }
        if method == .center { return try centred(text, width: width, fill: fill) }
        let missing = max(0, width - text.unicodeScalars.count)
        try chargeText(text.utf8.count + missing)
        switch method {
        case .ljust: return .string(text + String(repeating: fill, count: missing))
        case .rjust: return .string(String(repeating: fill, count: missing) + text)
        default:
            let sign = text.hasPrefix("-") || text.hasPrefix("+") ? String(text.prefix(1)) : ""
            return .string(sign + String(repeating: "0", count: missing) + text.dropFirst(sign.count))
        }
    }
}

extension Text {
    static func removing(_ part: String, from text: String, atEnd: Bool) -> String {
        let bytes = Array(text.utf8)
        if atEnd { return hasSuffix(part, of: text) ? string(bytes.dropLast(part.utf8.count)) : text }
        return hasPrefix(part, of: text) ? string(bytes.dropFirst(part.utf8.count)) : text
    }

    static func swapCase(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            let properties = scalar.properties
            result += properties.isUppercase ? properties.lowercaseMapping : properties.uppercaseMapping
        }
    }

    /// Whether a character is what `isdigit` and its relatives ask for.
    static func isKind(_ method: Method.TextMethod, _ scalar: Unicode.Scalar) -> Bool {
        let isLetter =
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
            default: false
            }
        let type = scalar.properties.numericType
        switch method {
        case .isspace: return isSpace(scalar)
        case .isalpha: return isLetter
        case .isdecimal: return type == .decimal
        case .isdigit: return type == .decimal || type == .digit
        case .isnumeric: return type != nil
        default: return isLetter || type != nil
        }
    }
}
