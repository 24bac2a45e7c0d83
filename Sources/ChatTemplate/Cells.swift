/// Something with identity that a template can reach from several places, itself included.
///
/// A rendering keeps all its cells in one list and empties them one by one at its end: cells that hold each
/// other do not leak, and a chain of a million of them is not given back by recursion.
class Cell {
    func empty() {}
}

/// A list, a tuple, or one of Python's relatives that behave like them in most places.
final class ListCell: Cell {
    enum Kind: String {
        case list, tuple
        /// What `map`, `select` and `reverse` return: true even when empty, without a length, read once.
        case generator
        /// What `keys`, `values` and `items` of a dictionary return.
        case view = "dict_view"
    }

    var items: [Value]
    let kind: Kind

    init(_ items: [Value], _ kind: Kind) {
        self.items = items
        self.kind = kind
    }

    override func empty() { items = [] }
}

/// A dictionary in the order of insertion.
final class DictionaryCell: Cell {
    private(set) var entries: [(key: Value, value: Value)] = []
    private var places: [DictionaryKey: Int] = [:]

    override func empty() {
        entries = []
        places = [:]
    }

    func value(at key: DictionaryKey) -> Value? { places[key].map { entries[$0].value } }
    func value(at key: String) -> Value? { value(at: .string(ExactText(key))) }

    /// - Parameter key: one that `DictionaryKey` accepts; others are left out.
    func set(_ key: Value, to value: Value) {
        guard let place = DictionaryKey(key) else { return }
        if let index = places[place] {
            entries[index].value = value
        } else {
            places[place] = entries.count
            entries.append((key, value))
        }
    }

    func remove(_ key: DictionaryKey) -> Value? {
        guard let index = places.removeValue(forKey: key) else { return nil }
        let value = entries.remove(at: index).value
        for later in index..<entries.count {
            if let place = DictionaryKey(entries[later].key) { places[place] = later }
        }
        return value
    }
}

/// What `namespace()` makes: the one thing whose attributes a template may set.
final class NamespaceCell: Cell {
    var members: [String: Value]

    init(_ members: [String: Value]) { self.members = members }

    override func empty() { members = [:] }
}

/// The variable `loop`.
final class LoopCell: Cell {
    var items: [Value]
    /// Counted from 0.
    var index = 0
    /// Loops around this one.
    let depth: Int
    /// The arguments of the last `loop.changed`.
    var lastChanged: [Value]?

    init(_ items: [Value], depth: Int) {
        self.items = items
        self.depth = depth
    }

    override func empty() {
        items = []
        lastChanged = nil
    }
}

/// A macro together with the names it can see.
final class MacroCell: Cell {
    let definition: MacroDefinition
    private(set) var scope: Scope?

    init(_ definition: MacroDefinition, scope: Scope) {
        self.definition = definition
        self.scope = scope
    }

    override func empty() { scope = nil }
}

/// What `cycler` and `joiner` make.
final class CounterCell: Cell {
    var items: [Value]
    var index = 0

    init(_ items: [Value]) { self.items = items }

    override func empty() { items = [] }
}

/// The names that one block of a template sees, and those around it.
final class Scope: Cell {
    private var names: [String: Value] = [:]
    private let outer: Scope?

    init(inside outer: Scope?) { self.outer = outer }

    override func empty() { names = [:] }

    func find(_ name: String) -> Value? {
        var scope: Scope? = self
        while let here = scope {
            if let value = here.names[name] { return value }
            scope = here.outer
        }
        return nil
    }

    func set(_ name: String, _ value: Value) { names[name] = value }
}

/// Something a template can call.
enum Callable {
    case function(GlobalFunction)
    case macro(MacroCell)
    indirect case method(of: Value, Method)
    case joiner(CounterCell)
}
