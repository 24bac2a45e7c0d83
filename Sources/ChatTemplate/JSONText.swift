/// `tojson` as Hugging Face's transformers defines it: Python's `json.dumps` that keeps characters as they
/// are.
struct JSONText {
    private let interpreter: Interpreter
    private let escapesNonASCII: Bool
    private let sortsKeys: Bool
    /// What one level is indented by; `nil` writes one line.
    private let indent: String?
    private let itemSeparator: String
    private let keySeparator: String
    private var result = ""

    init(_ arguments: Arguments, _ interpreter: Interpreter) throws(TemplateError) {
        let values = try arguments.bind(
            "ensure_ascii", "indent", "separators", "sort_keys", of: "tojson", interpreter)
        self.interpreter = interpreter
        escapesNonASCII = values[0]?.isTrue ?? false
        sortsKeys = values[3]?.isTrue ?? false
        switch values[1] {
        case nil, .some(.none): indent = nil
        case .string(let text)?: indent = text
        case let value?:
            guard let width = value.asInt else {
                throw interpreter.fail("tojson: indent is \(value.typeName)")
            }
            try interpreter.chargeText(max(0, width))
            indent = String(repeating: " ", count: max(0, width))
        }
        if let separators = values[2], case .list(let cell) = separators, cell.items.count == 2 {
            itemSeparator = try interpreter.string(cell.items[0])
            keySeparator = try interpreter.string(cell.items[1])
        } else {
            itemSeparator = indent == nil ? ", " : ","
            keySeparator = ": "
        }
    }

    mutating func text(of value: Value) throws(TemplateError) -> String {
        try write(value, level: 0)
        return result
    }

    private mutating func write(_ value: Value, level: Int) throws(TemplateError) {
        try interpreter.checkLevel(level)
        try interpreter.charge(1)
        switch value {
        case .none: result += "null"
        case .bool(let value): result += value ? "true" : "false"
        case .int(let value): result += String(value)
        case .double(let value): result += Self.text(of: value)
        case .string(let text), .markup(let text): try write(text)
        case .list(let cell) where cell.kind == .list || cell.kind == .tuple:
            try write("[", cell.items.count, "]", level: level) { (json, index) throws(TemplateError) in
                try json.write(cell.items[index], level: level + 1)
            }
        case .dictionary(let cell): try write(cell, level: level)
        default: throw interpreter.fail("tojson: a value of type \(value.typeName) has no JSON form")
        }
    }

    private mutating func write(_ cell: DictionaryCell, level: Int) throws(TemplateError) {
        var entries: [(key: String, value: Value)] = []
        for (key, value) in cell.entries { entries.append((try text(ofKey: key), value)) }
        if sortsKeys { entries.sort { Text.less($0.key, $1.key) } }
        try write("{", entries.count, "}", level: level) { (json, index) throws(TemplateError) in
            try json.write(entries[index].key)
            json.result += json.keySeparator
            try json.write(entries[index].value, level: level + 1)
        }
    }

    private func text(ofKey key: Value) throws(TemplateError) -> String {
        switch key {
        case .none: "null"
        case .bool(let value): value ? "true" : "false"
        case .double(let value): Self.text(of: value)
        default: try interpreter.string(key)
        }
    }

    /// Brackets around `count` parts that `part` writes.
    private mutating func write(
        _ opening: String, _ count: Int, _ closing: String, level: Int,
        part: (inout JSONText, Int) throws(TemplateError) -> Void
    ) throws(TemplateError) {
        result += opening
        for index in 0..<count {
            if index > 0 { result += itemSeparator }
            try newLine(level + 1)
            try part(&self, index)
        }
        if count > 0 { try newLine(level) }
        result += closing
    }

    private mutating func newLine(_ level: Int) throws(TemplateError) {
        guard let indent else { return }
        let (size, overflow) = indent.utf8.count.multipliedReportingOverflow(by: level)
        try makeRoom(overflow ? .max : size)
        result += "\n" + String(repeating: indent, count: level)
    }

    private func makeRoom(_ bytes: Int) throws(TemplateError) {
        try interpreter.chargeText(bytes)
        guard result.utf8.count <= interpreter.limits.outputBytes - bytes else {
            throw .limit(what: "bytes of text", limit: interpreter.limits.outputBytes, line: interpreter.line)
        }
    }

    private static func text(of value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        return NumberText.repr(value)
    }

    private mutating func write(_ text: String) throws(TemplateError) {
        try makeRoom(text.utf8.count)
        result += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{8}": result += "\\b"
            case "\u{C}": result += "\\f"
            default:
                if scalar.value < 0x20 || (escapesNonASCII && scalar.value > 0x7E) {
                    for unit in String(scalar).utf16 {
                        result += "\\u" + Text.hexadecimal(UInt32(unit), width: 4)
                    }
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        result += "\""
    }
}
