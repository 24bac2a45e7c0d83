/// Equality, order, membership and the elements of values.
extension Interpreter {
    func areEqual(_ left: Value, _ right: Value, level: Int = 0) throws(TemplateError) -> Bool {
        try checkLevel(level)
        try charge(1)
        switch (left.plain, right.plain) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let left), .string(let right)):
            try charge(left.utf8.count == right.utf8.count ? left.utf8.count / 64 : 0)
            return Text.same(left, right)
        case (.list(let left), .list(let right)):
            guard left !== right else { return true }
            guard left.kind == right.kind, left.kind != .generator, left.items.count == right.items.count
            else {
                return false
            }
            for (left, right) in zip(left.items, right.items)
            where !(try areEqual(left, right, level: level + 1)) { return false }
            return true
        case (.dictionary(let left), .dictionary(let right)):
            guard left !== right else { return true }
            guard left.entries.count == right.entries.count else { return false }
            for (key, value) in left.entries {
                guard let other = DictionaryKey(key).flatMap({ right.value(at: $0) }),
                    try areEqual(value, other, level: level + 1)
                else { return false }
            }
            return true
        case (.namespace(let left), .namespace(let right)): return left === right
        default:
            if let left = left.asInt, let right = right.asInt { return left == right }
            if let left = left.asDouble, let right = right.asDouble { return left == right }
            return false
        }
    }

    /// `left < right`; `relation` is what the template wrote, for the error.
    func isLess(
        _ left: Value, _ right: Value, _ relation: String, level: Int = 0
    ) throws(TemplateError) -> Bool {
        try checkLevel(level)
        try charge(1)
        if let error = undefinedError(left) ?? undefinedError(right) { throw error }
        switch (left.plain, right.plain) {
        case (.string(let left), .string(let right)): return Text.less(left, right)
        case (.list(let left), .list(let right)) where left.kind == right.kind && left.kind != .generator:
            for (left, right) in zip(left.items, right.items)
            where !(try areEqual(left, right, level: level + 1)) {
                return try isLess(left, right, relation, level: level + 1)
            }
            return left.items.count < right.items.count
        default:
            if let left = left.asInt, let right = right.asInt { return left < right }
            if let left = left.asDouble, let right = right.asDouble { return left < right }
            throw fail("\"\(relation)\" does not take \(left.typeName) and \(right.typeName)")
        }
    }

    /// `item in container`.
    func contains(_ container: Value, _ item: Value) throws(TemplateError) -> Bool {
        switch container.plain {
        case .string(let text):
            guard case .string(let part) = item.plain else {
                throw fail("\"in\" of a str needs a str, not \(item.typeName)")
            }
            try charge(text.utf8.count / 8)
            return Text.contains(part, in: text)
        case .dictionary(let cell):
            guard let key = DictionaryKey(item) else {
                throw fail("a \(item.typeName) cannot be a key of a dictionary")
            }
            return cell.value(at: key) != nil
        default:
            for element in try elements(of: container) where try areEqual(element, item) { return true }
            return false
        }
    }

    /// What a loop over the value goes through.
    func elements(of value: Value) throws(TemplateError) -> [Value] {
        switch value {
        case .undefined: return []
        case .list(let cell):
            defer { if cell.kind == .generator { cell.items = [] } }
            return cell.items
        case .dictionary(let cell): return cell.entries.map(\.key)
        case .string(let text), .markup(let text):
            try charge(text.utf8.count)
            return text.unicodeScalars.map { .string(String($0)) }
        case .none, .bool, .int, .double, .namespace, .loop, .cycler, .callable:
            throw fail("a \(value.typeName) has no elements to go through")
        }
    }

    /// `len(value)`, `nil` where Python has none.
    func length(of value: Value) -> Int? {
        switch value {
        case .undefined: 0
        case .string(let text), .markup(let text): text.unicodeScalars.count
        case .list(let cell): cell.kind == .generator ? nil : cell.items.count
        case .dictionary(let cell): cell.entries.count
        case .loop(let cell): cell.items.count
        case .none, .bool, .int, .double, .namespace, .cycler, .callable: nil
        }
    }
}
