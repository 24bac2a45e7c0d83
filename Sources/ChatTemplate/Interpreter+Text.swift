/// Values as Python prints them.
extension Interpreter {
    /// `str(value)`; undefined is empty.
    func string(_ value: Value) throws(TemplateError) -> String {
        switch value {
        case .undefined: return ""
        case .string(let text), .markup(let text): return text
        default: return try representation(value)
        }
    }

    /// `repr(value)`.
    func representation(_ value: Value) throws(TemplateError) -> String {
        var result = ""
        try describe(value, into: &result, level: 0)
        return result
    }

    private func describe(_ value: Value, into result: inout String, level: Int) throws(TemplateError) {
        try checkLevel(level)
        try charge(1)
        switch value {
        case .undefined: result += "Undefined"
        case .none: result += "None"
        case .bool(let value): result += value ? "True" : "False"
        case .int(let value): result += String(value)
        case .double(let value): result += NumberText.repr(value)
        case .string(let text), .markup(let text):
            try chargeText(result.utf8.count + text.utf8.count)
            result += Text.quoted(text)
        case .list(let cell): try describe(cell, into: &result, level: level)
        case .dictionary(let cell):
            result += "{"
            for (index, entry) in cell.entries.enumerated() {
                if index > 0 { result += ", " }
                try describe(entry.key, into: &result, level: level + 1)
                result += ": "
                try describe(entry.value, into: &result, level: level + 1)
            }
            result += "}"
        case .namespace: result += "<Namespace>"
        case .cycler: result += "<Cycler>"
        case .loop(let cell): result += "<LoopContext \(cell.index + 1)/\(cell.items.count)>"
        case .callable(.macro(let cell)): result += "<Macro '\(cell.definition.name)'>"
        case .callable: result += "<function>"
        }
    }

    private func describe(_ cell: ListCell, into result: inout String, level: Int) throws(TemplateError) {
        let (opening, closing) =
            switch cell.kind {
            case .list: ("[", "]")
            case .tuple: ("(", cell.items.count == 1 ? ",)" : ")")
            case .view: ("dict_view([", "])")
            case .generator: ("<generator of ", ">")
            }
        result += opening
        for (index, item) in cell.items.enumerated() {
            if index > 0 { result += ", " }
            try describe(item, into: &result, level: level + 1)
        }
        result += closing
    }

    /// Refuses values that nest too deep to walk through, those that hold themselves included.
    func checkLevel(_ level: Int) throws(TemplateError) {
        guard level <= valueNesting else {
            throw .limit(what: "lists and objects inside each other", limit: valueNesting, line: line)
        }
    }
}

extension Text {
    /// `repr` of a string: in single quotes unless only these occur in it.
    static func quoted(_ text: String) -> String {
        let quote: Unicode.Scalar =
            text.unicodeScalars.contains("'") && !text.unicodeScalars.contains("\"") ? "\"" : "'"
        var result = String(quote)
        for scalar in text.unicodeScalars {
            switch scalar {
            case quote, "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case " "..."~": result.unicodeScalars.append(scalar)
            default:
                if isPrintable(scalar) {
                    result.unicodeScalars.append(scalar)
                } else {
                    let (letter, width) =
                        scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
                    result += "\\\(letter)\(hexadecimal(scalar.value, width: width))"
                }
            }
        }
        result.unicodeScalars.append(quote)
        return result
    }

    static func hexadecimal(_ value: UInt32, width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            false
        default: true
        }
    }
}
