/// A method of a Python type.
enum Method: Sendable {
    case text(TextMethod)
    case list(ListMethod)
    case dictionary(DictionaryMethod)
    case loop(LoopMethod)
    case cycler(CyclerMethod)

    enum TextMethod: String, Sendable {
        case capitalize, center, count, endswith, find, format, index, isalnum, isalpha, isdecimal, isdigit
        case islower, isnumeric, isspace, istitle, isupper, join, ljust, lower, lstrip, partition,
            removeprefix
        case removesuffix, replace, rfind, rindex, rjust, rpartition, rsplit, rstrip, split, splitlines,
            startswith
        case strip, swapcase, title, upper, zfill
    }

    enum ListMethod: String, Sendable {
        case append, clear, copy, count, extend, index, insert, pop, remove, reverse
    }

    enum DictionaryMethod: String, Sendable {
        case clear, copy, get, items, keys, pop, setdefault, update, values
    }

    enum LoopMethod: String, Sendable {
        case changed, cycle
    }

    enum CyclerMethod: String, Sendable {
        case next, reset
    }

    /// The method `name` of `owner`'s type, `nil` when it has none.
    init?(_ name: String, of owner: Value) {
        let method: Method? =
            switch owner {
            case .string: TextMethod(rawValue: name).map(Method.text)
            case .list(let cell): Self.list(name, cell.kind)
            case .dictionary: DictionaryMethod(rawValue: name).map(Method.dictionary)
            case .loop: LoopMethod(rawValue: name).map(Method.loop)
            case .cycler: CyclerMethod(rawValue: name).map(Method.cycler)
            default: nil
            }
        guard let method else { return nil }
        self = method
    }

    private static func list(_ name: String, _ kind: ListCell.Kind) -> Method? {
        guard let method = ListMethod(rawValue: name) else { return nil }
        switch kind {
        case .list: return .list(method)
        case .tuple: return method == .count || method == .index ? .list(method) : nil
        case .generator, .view: return nil
        }
    }
}

extension Interpreter {
    func call(_ method: Method, of owner: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        switch (method, owner) {
        case (.text(let method), .string(let text)): return try call(method, of: text, arguments)
        case (.list(let method), .list(let cell)): return try call(method, of: cell, arguments)
        case (.dictionary(let method), .dictionary(let cell)): return try call(method, of: cell, arguments)
        case (.loop(let method), .loop(let cell)): return try call(method, of: cell, arguments)
        case (.cycler(let method), .cycler(let cell)):
            _ = try arguments.bind(of: method.rawValue, self)
            defer { cell.index = method == .reset ? 0 : (cell.index + 1) % max(1, cell.items.count) }
            return method == .reset ? .none : cell.items[cell.index]
        default: throw fail("a \(owner.typeName) has no such method")
        }
    }

    private func call(
        _ method: Method.LoopMethod, of cell: LoopCell, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        guard arguments.named.isEmpty else { throw fail("\(method.rawValue) takes no named arguments") }
        switch method {
        case .cycle:
            guard !arguments.positional.isEmpty else { throw fail("cycle needs at least one value") }
            return arguments.positional[cell.index % arguments.positional.count]
        case .changed:
            defer { cell.lastChanged = arguments.positional }
            guard let last = cell.lastChanged, last.count == arguments.positional.count else {
                return .bool(true)
            }
            for (old, new) in zip(last, arguments.positional) where !(try areEqual(old, new)) {
                return .bool(true)
            }
            return .bool(false)
        }
    }
}
