/// A test as a template names it, behind `is`.
enum ValueTest: Sendable, Equatable {
    case known(Name)
    case unknown(String)

    init(name: String) {
        switch name {
        case "==", "eq": self = .known(.equalto)
        case "!=": self = .known(.ne)
        case ">", "gt": self = .known(.greaterthan)
        case ">=": self = .known(.ge)
        case "<", "lt": self = .known(.lessthan)
        case "<=": self = .known(.le)
        default: self = Name(rawValue: name).map(ValueTest.known) ?? .unknown(name)
        }
    }

    enum Name: String, Sendable {
        case boolean, callable, defined, divisibleby, equalto, even, `false`, filter, float, ge, greaterthan,
            `in`
        case integer, iterable, le, lessthan, lower, mapping, ne, none, number, odd, sameas, sequence, string,
            test
        case `true`, undefined, upper
    }
}

extension Interpreter {
    func holds(_ call: TestCall, _ subject: Value) throws(TemplateError) -> Bool {
        try holds(call.test, subject.plain, try evaluate(call.arguments).plain)
    }

    func holds(_ test: ValueTest, _ subject: Value, _ arguments: Arguments) throws(TemplateError) -> Bool {
        switch test {
        case .unknown(let name): throw .unsupported(construct: "the test \"\(name)\"", line: line)
        case .known(let name):
            switch name {
            case .divisibleby, .equalto, .ge, .greaterthan, .in, .le, .lessthan, .ne, .sameas:
                guard let other = try arguments.bind("other", required: 1, of: name.rawValue, self)[0] else {
                    return false
                }
                return try holds(name, subject, other)
            default:
                _ = try arguments.bind(of: name.rawValue, self)
                return try holds(name, subject)
            }
        }
    }

    private func holds(
        _ test: ValueTest.Name, _ subject: Value, _ other: Value
    ) throws(TemplateError) -> Bool {
        switch test {
        case .ne: return try holds(.notEqual, subject, other)
        case .ge: return try holds(.greaterEqual, subject, other)
        case .greaterthan: return try holds(.greater, subject, other)
        case .le: return try holds(.lessEqual, subject, other)
        case .lessthan: return try holds(.less, subject, other)
        case .in: return try contains(other, subject)
        case .divisibleby:
            let rest = try binary(.modulo, subject, other)
            return try areEqual(rest, .int(0))
        case .sameas: return try isSame(subject, other)
        default: return try areEqual(subject, other)
        }
    }

    private func isSame(_ subject: Value, _ other: Value) throws(TemplateError) -> Bool {
        switch (subject, other) {
        case (.list(let left), .list(let right)): left === right
        case (.dictionary(let left), .dictionary(let right)): left === right
        default: subject.typeName == other.typeName ? try areEqual(subject, other) : false
        }
    }

    private func holds(_ test: ValueTest.Name, _ subject: Value) throws(TemplateError) -> Bool {
        switch (test, subject) {
        case (.defined, _): return !subject.isUndefined
        case (.undefined, _): return subject.isUndefined
        case (.none, .none): return true
        case (.boolean, .bool): return true
        case (.true, .bool(let value)): return value
        case (.false, .bool(let value)): return !value
        case (.integer, .int), (.float, .double): return true
        case (.number, .int), (.number, .double), (.number, .bool): return true
        case (.string, .string), (.mapping, .dictionary): return true
        case (.callable, .callable): return true
        case (.iterable, .string), (.iterable, .list), (.iterable, .dictionary), (.iterable, .undefined):
            return true
        case (.sequence, .list(let cell)): return cell.kind == .list || cell.kind == .tuple
        case (.sequence, .string), (.sequence, .dictionary), (.sequence, .undefined): return true
        case (.odd, _): return try areEqual(try binary(.modulo, subject, .int(2)), .int(1))
        case (.even, _): return try areEqual(try binary(.modulo, subject, .int(2)), .int(0))
        case (.lower, _), (.upper, _):
            let text = try string(subject)
            return Text.hasCase(text, upper: test == .upper)
        case (.filter, .string(let name)): return Filter(name: name) != .unknown(name)
        case (.test, .string(let name)): return ValueTest(name: name) != .unknown(name)
        default: return false
        }
    }
}

extension Text {
    /// `str.isupper` or `str.islower`: at least one letter with case, and none of the other case.
    static func hasCase(_ text: String, upper: Bool) -> Bool {
        var found = false
        for scalar in text.unicodeScalars {
            if upper ? scalar.properties.isLowercase : scalar.properties.isUppercase { return false }
            if scalar.properties.generalCategory == .titlecaseLetter { return false }
            if upper ? scalar.properties.isUppercase : scalar.properties.isLowercase { found = true }
        }
        return found
    }
}
