/// `str.format` and the filter `format`.
extension Interpreter {
    /// `{}`, `{0}`, `{name}` with `.attribute` and `[key]` behind, and the format codes `d`, `s` and `.Nf`.
    func braceFormat(_ format: String, _ arguments: Arguments) throws(TemplateError) -> Value {
        var result = ""
        var next = 0
        var rest = format.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            if scalar == "{" || scalar == "}", rest.first == scalar {
                rest.removeFirst()
                result.unicodeScalars.append(scalar)
            } else if scalar == "{" {
                guard let end = rest.firstIndex(of: "}") else { throw fail("format: \"{\" has no \"}\"") }
                result += try field(String(rest[..<end]), arguments, &next)
                rest = rest[rest.index(after: end)...]
                try chargeText(result.utf8.count)
            } else if scalar == "}" {
                throw fail("format: \"}\" has no \"{\"")
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return try text(result)
    }

    private func field(
        _ field: String, _ arguments: Arguments, _ next: inout Int
    ) throws(TemplateError) -> String {
        let parts = Text.split(field, by: ":", limit: 1)
        let name = parts[0]
        guard !name.unicodeScalars.contains(where: { ".[!{".unicodeScalars.contains($0) }) else {
            throw .unsupported(construct: "the format field \"{\(field)}\"", line: line)
        }
        let value: Value
        if name.isEmpty || name.unicodeScalars.allSatisfy(Text.isDigit) {
            let place = Int(name) ?? next
            next += name.isEmpty ? 1 : 0
            guard arguments.positional.indices.contains(place) else {
                throw fail("format: no argument \(place), \(arguments.positional.count) are given")
            }
            value = arguments.positional[place]
        } else {
            guard let named = arguments.named.first(where: { $0.name == name }) else {
                throw fail("format: no argument \"\(name)\"")
            }
            value = named.value
        }
        return try text(value, code: parts.count > 1 ? parts[1] : "")
    }

    private func text(_ value: Value, code: String) throws(TemplateError) -> String {
        if code.isEmpty || code == "s" { return try string(value) }
        if code == "d", let number = value.asInt { return String(number) }
        if code.hasPrefix("."), code.hasSuffix("f"), let places = Int(code.dropFirst().dropLast()),
            (0...64).contains(places), let number = value.asDouble
        {
            return NumberText.fixed(number, places: places)
        }
        throw .unsupported(construct: "the format code \"\(code)\" for \(value.typeName)", line: line)
    }

    /// The filter: `%` with its arguments.
    func formatted(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        guard arguments.named.isEmpty else {
            throw .unsupported(construct: "named arguments of the filter \"format\"", line: line)
        }
        return try binary(.modulo, .string(try string(input)), try list(arguments.positional, .tuple))
    }
}
