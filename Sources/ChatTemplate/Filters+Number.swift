/// Filters that make numbers.
extension Interpreter {
    func numberFilter(
        _ filter: Filter.Name, _ input: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        if let error = undefinedError(input) { throw error }
        switch filter {
        case .abs:
            _ = try arguments.bind(of: "abs", self)
            if case .double(let number) = input { return .double(number.magnitude) }
            guard let number = input.asInt, number != .min else {
                throw fail("abs: \(input.typeName) is not a number")
            }
            return .int(abs(number))
        case .int: return try toInt(input, arguments)
        case .float:
            let values = try arguments.bind("default", of: "float", self)
            return toDouble(input).map(Value.double) ?? values[0] ?? .double(0)
        default: return try rounded(input, arguments)
        }
    }

    private func toInt(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("default", "base", of: "int", self)
        let base = try integer(values[1], "int: base", otherwise: 10)
        if let number = input.asInt { return .int(number) }
        if case .string(let text) = input {
            guard (2...36).contains(base) else { throw fail("int: base \(base) is not in 2...36") }
            if let number = Text.integer(text, base: base) { return .int(number) }
        }
        guard let number = toDouble(input).flatMap({ Int(exactly: $0.rounded(.towardZero)) }) else {
            return values[0] ?? .int(0)
        }
        return .int(number)
    }

    private func toDouble(_ input: Value) -> Double? {
        if case .string(let text) = input { return Text.double(text) }
        return input.asDouble
    }

    private func rounded(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("precision", "method", of: "round", self)
        let places = try integer(values[0], "round: precision", otherwise: 0)
        let method = try optionalText(values[1]) ?? "common"
        guard ["common", "ceil", "floor"].contains(method) else {
            throw fail("round: method \"\(method)\" is none of common, ceil, floor")
        }
        guard (-300...300).contains(places) else {
            throw fail("round: precision \(places) is not in -300...300")
        }
        guard let number = input.asDouble else { throw fail("round: \(input.typeName) is not a number") }
        var scale = 1.0
        for _ in 0..<places.magnitude { scale *= 10 }
        if method != "common" {
            let scaled = places < 0 ? number / scale : number * scale
            let whole = scaled.rounded(method == "ceil" ? .up : .down)
            return .double(places < 0 ? whole * scale : whole / scale)
        }
        if let whole = input.asInt, places >= 0 { return .int(whole) }
        if places < 0 {
            let whole = (number / scale).rounded(.toNearestOrEven) * scale
            return input.asInt == nil ? .double(whole) : Int(exactly: whole).map(Value.int) ?? .double(whole)
        }
        return .double(Double(NumberText.fixed(number, places: places)) ?? number)
    }
}

extension Text {
    /// `int(text, base)`: white space around it, a sign, the base's prefix, and underscores.
    static func integer(_ text: String, base: Int) -> Int? {
        let trimmed = strip(text)
        var unsigned = trimmed.first == "-" || trimmed.first == "+" ? String(trimmed.dropFirst()) : trimmed
        let prefix = [2: "0b", 8: "0o", 16: "0x"][base] ?? "-"
        if unsigned.prefix(2).lowercased() == prefix { unsigned.removeFirst(2) }
        guard let first = unsigned.utf8.first, first != UInt8(ascii: "_"),
            unsigned.utf8.last != UInt8(ascii: "_"),
            first != UInt8(ascii: "-"), first != UInt8(ascii: "+"), !contains("__", in: unsigned)
        else { return nil }
        return Int((trimmed.first == "-" ? "-" : "") + unsigned.filter { $0 != "_" }, radix: base)
    }

    /// `float(text)` without Python's underscores.
    static func double(_ text: String) -> Double? {
        let trimmed = strip(text)
        return trimmed.lowercased().contains("x") ? nil : Double(trimmed)
    }
}
