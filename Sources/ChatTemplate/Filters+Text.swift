/// Filters that make text.
extension Interpreter {
    func textFilter(
        _ filter: Filter.Name, _ input: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch filter {
        case .tojson:
            var json = try JSONText(arguments, self)
            return .string(try json.text(of: input))
        case .format: return try formatted(input, arguments)
        case .replace: return try replaced(input, arguments)
        case .indent: return try indented(input, arguments)
        case .truncate: return try truncated(input, arguments)
        case .center:
            let values = try arguments.bind("width", of: "center", self)
            return try centred(
                try string(input), width: try integer(values[0], "center: width", otherwise: 80), fill: " ")
        case .trim:
            let values = try arguments.bind("chars", of: "trim", self)
            return try text(Text.strip(try string(input), of: try optionalText(values[0])))
        default:
            _ = try arguments.bind(of: filter.rawValue, self)
            let text = try string(input)
            try charge(text.utf8.count / 8)
            return plain(filter, text)
        }
    }

    private func plain(_ filter: Filter.Name, _ text: String) -> Value {
        switch filter {
        case .capitalize: .string(Text.capitalize(text))
        case .escape: .markup(Text.escape(text))
        case .safe: .markup(text)
        case .lower: .string(text.lowercased())
        case .upper: .string(text.uppercased())
        case .title: .string(Text.titleWords(text))
        case .wordcount: .int(Text.wordCount(text))
        default: .string(text)
        }
    }

    /// `nil` and Python's `None` are no text.
    func optionalText(_ value: Value?) throws(TemplateError) -> String? {
        guard let value else { return nil }
        if case .none = value { return nil }
        guard case .string(let text) = value else { throw fail("a str is needed, not \(value.typeName)") }
        return text
    }

    func centred(_ text: String, width: Int, fill: String) throws(TemplateError) -> Value {
        let missing = width - text.unicodeScalars.count
        guard missing > 0 else { return .string(text) }
        try chargeText(text.utf8.count + missing)
        // As CPython rounds: the odd one goes left when the width is odd as well.
        let left = missing / 2 + (missing & width & 1)
        return .string(
            String(repeating: fill, count: left) + text + String(repeating: fill, count: missing - left))
    }

    private func replaced(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("old", "new", "count", required: 2, of: "replace", self)
        let (old, new) = (try string(values[0] ?? .none), try string(values[1] ?? .none))
        var limit = -1
        if let count = values[2]?.asInt { limit = count }
        return try replaced(try string(input), old, new, limit: limit)
    }

    func replaced(_ text: String, _ old: String, _ new: String, limit: Int) throws(TemplateError) -> Value {
        let places = old.isEmpty ? text.utf8.count + 1 : text.utf8.count / old.utf8.count
        try charge(text.utf8.count / 16)
        if new.utf8.count > old.utf8.count {
            // What fits for sure needs no counting.
            let (most, overflow) = places.multipliedReportingOverflow(by: new.utf8.count)
            if overflow || most > limits.outputBytes {
                let found = old.isEmpty ? places : Text.split(text, by: old, limit: limit).count - 1
                let (size, overflow) = found.multipliedReportingOverflow(by: new.utf8.count)
                try chargeText(overflow ? .max : size)
            }
        }
        return try self.text(Text.replace(old, with: new, in: text, limit: limit))
    }

    private func indented(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("width", "first", "blank", of: "indent", self)
        var indent = ""
        if case .string(let text)? = values[0] {
            indent = text
        } else {
            let width = max(0, try integer(values[0], "indent: width", otherwise: 4))
            try chargeText(width)
            indent = String(repeating: " ", count: width)
        }
        let lines = Text.lines(try string(input) + "\n")
        try charge(lines.count)
        let (added, overflow) = lines.count.multipliedReportingOverflow(by: indent.utf8.count)
        try chargeText(overflow ? .max : added)
        let indentsBlank = values[2]?.isTrue ?? false
        var result = values[1]?.isTrue ?? false ? indent : ""
        for (index, line) in lines.enumerated() {
            if index > 0 { result += "\n" + (line.isEmpty && !indentsBlank ? "" : indent) }
            result += line
        }
        return try text(result)
    }

    private func truncated(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("length", "killwords", "end", "leeway", of: "truncate", self)
        let length = try integer(values[0], "truncate: length", otherwise: 255)
        let leeway = try integer(values[3], "truncate: leeway", otherwise: 5)
        let end = try optionalText(values[2]) ?? "..."
        let text = try string(input)
        let scalars = Array(text.unicodeScalars)
        guard length >= end.unicodeScalars.count, leeway >= 0 else {
            throw fail("truncate: length \(length) is too short for \"\(end)\"")
        }
        guard scalars.count - leeway > length else { return .string(text) }
        let kept = scalars[..<(length - end.unicodeScalars.count)]
        if values[1]?.isTrue ?? false { return try self.text(Text.string(kept) + end) }
        let words = kept.lastIndex(of: " ").map { kept[..<$0] } ?? kept
        return try self.text(Text.string(words) + end)
    }
}

extension Text {
    /// jinja2's `title` filter: upper case behind spaces, hyphens and opening brackets only.
    static func titleWords(_ text: String) -> String {
        var result = ""
        var startsWord = true
        for scalar in text.unicodeScalars {
            if isSpace(scalar) || ["-", "(", "{", "[", "<"].contains(scalar) {
                result.unicodeScalars.append(scalar)
                startsWord = true
            } else {
                result += startsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
                startsWord = false
            }
        }
        return result
    }

    /// Runs of letters, digits and underscores.
    static func wordCount(_ text: String) -> Int {
        var count = 0
        var inWord = false
        for scalar in text.unicodeScalars {
            let isWord = Text.isWord(scalar)
            if isWord, !inWord { count += 1 }
            inWord = isWord
        }
        return count
    }
}
