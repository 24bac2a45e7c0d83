/// Arithmetic, and what `+`, `*` and `%` mean for text and lists.
extension Interpreter {
    func negated(_ value: Value, sign: String) throws(TemplateError) -> Value {
        if let error = undefinedError(value) { throw error }
        if case .double(let number) = value { return .double(sign == "-" ? -number : number) }
        guard let number = value.asInt else {
            throw fail("\(value.typeName) cannot follow a sign \"\(sign)\"")
        }
        return sign == "-" ? try integer(0.subtractingReportingOverflow(number)) : .int(number)
    }

    func binary(
        _ operation: Expression.BinaryOperator, _ left: Value, _ right: Value
    ) throws(TemplateError) -> Value {
        if let error = undefinedError(left) ?? undefinedError(right) { throw error }
        if operation == .add, let text = try addedMarkup(left, right) { return text }
        let (left, right) = (left.plain, right.plain)
        if case .string(let format) = left, operation == .modulo { return try percentFormat(format, right) }
        if let value = try joined(operation, left, right) { return value }
        if let left = left.asInt, let right = right.asInt { return try integers(operation, left, right) }
        if let left = left.asDouble, let right = right.asDouble { return try doubles(operation, left, right) }
        throw fail("\"\(operation.rawValue)\" does not take \(left.typeName) and \(right.typeName)")
    }

    /// The sum when a side is safe text: the other side is escaped, as MarkupSafe does.
    private func addedMarkup(_ left: Value, _ right: Value) throws(TemplateError) -> Value? {
        switch (left, right) {
        case (.markup(let left), .markup(let right)): return .markup(try string(text(left + right)))
        case (.markup(let left), .string(let right)):
            return .markup(try string(text(left + Text.escape(right))))
        case (.string(let left), .markup(let right)):
            return .markup(try string(text(Text.escape(left) + right)))
        default: return nil
        }
    }

    /// Sums and products of text and of lists; `nil` for everything else.
    private func joined(
        _ operation: Expression.BinaryOperator, _ left: Value, _ right: Value
    ) throws(TemplateError) -> Value? {
        switch (operation, left, right) {
        case (.add, .string(let left), .string(let right)):
            try chargeText(left.utf8.count + right.utf8.count)
            return .string(left + right)
        case (.add, .list(let left), .list(let right))
        where left.kind == right.kind && (left.kind == .list || left.kind == .tuple):
            try charge(left.items.count + right.items.count)
            return try list(left.items + right.items, left.kind)
        case (.multiply, .string(let text), let count), (.multiply, let count, .string(let text)):
            guard let count = count.asInt.map({ max(0, $0) }) else { return nil }
            let (size, overflow) = text.utf8.count.multipliedReportingOverflow(by: count)
            try chargeText(overflow ? .max : size)
            return .string(text.isEmpty ? "" : String(repeating: text, count: count))
        case (.multiply, .list(let cell), let count), (.multiply, let count, .list(let cell)):
            guard let count = count.asInt.map({ max(0, $0) }) else { return nil }
            let (size, overflow) = cell.items.count.multipliedReportingOverflow(by: count)
            try charge(overflow ? .max : size)
            guard !cell.items.isEmpty else { return try list([], cell.kind) }
            return try list(Array(repeatElement(cell.items, count: count).joined()), cell.kind)
        default: return nil
        }
    }

    private func integer(_ result: (partialValue: Int, overflow: Bool)) throws(TemplateError) -> Value {
        guard !result.overflow else { throw fail("the result does not fit 64 bits") }
        return .int(result.partialValue)
    }

    private func integers(
        _ operation: Expression.BinaryOperator, _ left: Int, _ right: Int
    ) throws(TemplateError) -> Value {
        switch operation {
        case .add: return try integer(left.addingReportingOverflow(right))
        case .subtract: return try integer(left.subtractingReportingOverflow(right))
        case .multiply: return try integer(left.multipliedReportingOverflow(by: right))
        case .divide: return try doubles(.divide, Double(left), Double(right))
        case .floorDivide, .modulo:
            guard right != 0 else { throw fail("division by zero") }
            guard right != -1 else {
                return operation == .modulo ? .int(0) : try integer(0.subtractingReportingOverflow(left))
            }
            let (quotient, remainder) = left.quotientAndRemainder(dividingBy: right)
            let isRoundedUp = remainder != 0 && (remainder < 0) != (right < 0)
            return operation == .modulo
                ? .int(isRoundedUp ? remainder + right : remainder)
                : .int(isRoundedUp ? quotient - 1 : quotient)
        case .power:
            guard right >= 0 else { return try doubles(.power, Double(left), Double(right)) }
            return try power(left, right)
        }
    }

    private func power(_ base: Int, _ exponent: Int) throws(TemplateError) -> Value {
        guard base.magnitude > 1 else {
            return .int(base == 1 || exponent.isMultiple(of: 2) ? (base == 0 && exponent > 0 ? 0 : 1) : base)
        }
        var result = 1
        for _ in 0..<exponent {
            let (product, overflow) = result.multipliedReportingOverflow(by: base)
            guard !overflow else { throw fail("the result does not fit 64 bits") }
            result = product
        }
        return .int(result)
    }

    private func doubles(
        _ operation: Expression.BinaryOperator, _ left: Double, _ right: Double
    ) throws(TemplateError) -> Value {
        switch operation {
        case .add: return .double(left + right)
        case .subtract: return .double(left - right)
        case .multiply: return .double(left * right)
        case .divide, .floorDivide, .modulo:
            guard right != 0 else { throw fail("division by zero") }
            if operation == .divide { return .double(left / right) }
            var remainder = left.truncatingRemainder(dividingBy: right)
            if remainder != 0, (remainder < 0) != (right < 0) { remainder += right }
            return .double(operation == .modulo ? remainder : ((left - remainder) / right).rounded())
        case .power: return .double(try power(left, right))
        }
    }

    /// Whole exponents and the square root; others need a mathematical library that nothing else here needs.
    private func power(_ base: Double, _ exponent: Double) throws(TemplateError) -> Double {
        if exponent == 0.5, base >= 0 { return base.squareRoot() }
        guard let count = Int(exactly: exponent), count.magnitude <= 4096 else {
            throw .unsupported(construct: "the exponent \(exponent)", line: line)
        }
        guard base != 0 || count >= 0 else { throw fail("division by zero") }
        var result = 1.0
        for _ in 0..<count.magnitude { result *= base }
        return count < 0 ? 1 / result : result
    }

    // MARK: `%` on text

    private func percentFormat(_ format: String, _ value: Value) throws(TemplateError) -> Value {
        var values = [value]
        if case .list(let cell) = value, cell.kind == .tuple { values = cell.items }
        var used = 0
        var result = ""
        var rest = format.unicodeScalars[...]
        while let next = rest.popFirst() {
            guard next == "%" else {
                result.unicodeScalars.append(next)
                continue
            }
            var places = 6
            if rest.first == "." {
                rest.removeFirst()
                let digits = rest.prefix { Text.isDigit($0) }
                places = min(Int(String(digits)) ?? 0, 64)
                rest = rest.dropFirst(digits.count)
            }
            guard let code = rest.popFirst() else { throw fail("the format ends with \"%\"") }
            if code == "%" {
                result += "%"
                continue
            }
            guard used < values.count else { throw fail("the format needs more than \(values.count) values") }
            result += try percentField(code, values[used], places: places)
            used += 1
            try chargeText(result.utf8.count)
        }
        guard used == values.count else { throw fail("the format takes \(used) of \(values.count) values") }
        return try text(result)
    }

    private func percentField(
        _ code: Unicode.Scalar, _ value: Value, places: Int
    ) throws(TemplateError) -> String {
        switch code {
        case "s": return try string(value)
        case "r": return try representation(value)
        case "d", "i":
            if let number = value.asInt { return String(number) }
            guard let number = value.asDouble.flatMap({ Int(exactly: $0.rounded(.towardZero)) }) else {
                throw fail("\"%\(code)\" needs a number, not \(value.typeName)")
            }
            return String(number)
        case "f":
            guard let number = value.asDouble else {
                throw fail("\"%f\" needs a number, not \(value.typeName)")
            }
            return NumberText.fixed(number, places: places)
        default: throw .unsupported(construct: "the format \"%\(code)\"", line: line)
        }
    }
}
