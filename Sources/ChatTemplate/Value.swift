/// A value while a template runs.
///
/// Lists, dictionaries and namespaces are cells: two names may hold the same one, as in Python.
enum Value {
    case undefined(Missing)
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    /// Text that went through `safe` or `escape`: what is added to it with `+` is escaped for HTML.
    case markup(String)
    case list(ListCell)
    case dictionary(DictionaryCell)
    case namespace(NamespaceCell)
    case loop(LoopCell)
    case cycler(CounterCell)
    case callable(Callable)

    /// The name of the type in Python's error texts.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .int: "int"
        case .double: "float"
        case .string: "str"
        case .markup: "Markup"
        case .list(let cell): cell.kind.rawValue
        case .dictionary: "dict"
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .cycler: "Cycler"
        case .callable: "function"
        }
    }

    /// As jinja2 names the owner of a missing attribute.
    var ownerName: String {
        switch self {
        case .none: "None"
        case .namespace: "namespace object"
        case .loop: "loop object"
        default: "\(typeName) object"
        }
    }

    /// What Python's `bool` says.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .int(let value): value != 0
        case .double(let value): value != 0
        case .string(let value), .markup(let value): !value.isEmpty
        case .list(let cell): cell.kind == .generator || !cell.items.isEmpty
        case .dictionary(let cell): !cell.entries.isEmpty
        case .namespace, .loop, .cycler, .callable: true
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    /// Booleans count as 0 and 1 wherever Python takes an integer.
    var asInt: Int? {
        switch self {
        case .int(let value): value
        case .bool(let value): value ? 1 : 0
        default: nil
        }
    }

    var asDouble: Double? {
        if case .double(let value) = self { value } else { asInt.map(Double.init) }
    }

    /// The value without the mark that only `+` looks at.
    var plain: Value {
        if case .markup(let text) = self { .string(text) } else { self }
    }
}

/// Why a value is undefined; the text is made only when somebody uses the value.
enum Missing {
    case variable(String)
    case attribute(owner: String, name: String)
    case element(owner: String, index: String)
    case parameter(String)
    /// A conditional expression without `else` whose condition was false.
    case otherwise(line: Int)
    /// `first`, `max` and their like of nothing.
    case emptySequence(String)
    /// Handed in as undefined by the caller.
    case given

    var description: String {
        switch self {
        case .variable(let name): "\"\(name)\" is undefined"
        case .attribute(let owner, let name): "\"\(owner)\" has no attribute \"\(name)\""
        case .element(let owner, let index): "\"\(owner)\" has no element \(index)"
        case .parameter(let name): "parameter \"\(name)\" was not provided"
        case .otherwise(let line): "the inline \"if\" of line \(line) was false and has no \"else\""
        case .emptySequence(let what): "no \(what) item, the sequence was empty"
        case .given: "the value is undefined"
        }
    }
}

/// A key of a dictionary, equal where Python's keys are equal: `1`, `1.0` and `True` are one key.
enum DictionaryKey: Hashable {
    case none
    case int(Int)
    case double(Double)
    case string(ExactText)

    /// `nil` for values that Python cannot hash, and for the few others nobody uses as keys.
    init?(_ value: Value) {
        switch value {
        case .none: self = .none
        case .bool(let value): self = .int(value ? 1 : 0)
        case .int(let value): self = .int(value)
        case .double(let value): self = Int(exactly: value).map(DictionaryKey.int) ?? .double(value)
        case .string(let value), .markup(let value): self = .string(ExactText(value))
        default: return nil
        }
    }
}
