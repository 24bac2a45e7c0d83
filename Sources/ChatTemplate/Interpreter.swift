/// One rendering of a template.
///
/// Work is counted in steps, so that no template runs or grows without end: see `RenderLimits`.
final class Interpreter {
    let limits: RenderLimits
    /// Seconds since 1970 for `strftime_now`.
    let now: Int?
    /// The line of the node that runs, for errors.
    var line = 1
    var output = ""
    var scope: Scope
    private var cells: [Cell] = []
    private var steps = 0
    private var depth = 0
    var loopDepth = 0

    private init(limits: RenderLimits, now: Int?) {
        self.limits = limits
        self.now = now
        scope = Scope(inside: nil)
    }

    static func render(
        _ body: [Statement], variables: [String: TemplateValue], now: Int?, limits: RenderLimits
    ) throws(TemplateError) -> String {
        let interpreter = Interpreter(limits: limits, now: now)
        defer { interpreter.giveBack() }
        try interpreter.define(variables)
        _ = try interpreter.run(body)
        return interpreter.output
    }

    private func define(_ variables: [String: TemplateValue]) throws(TemplateError) {
        for function in GlobalFunction.allCases where function != .strftimeNow || now != nil {
            scope.set(function.rawValue, .callable(.function(function)))
        }
        scope = keep(Scope(inside: keep(scope)))
        for (name, value) in variables {
            guard value != .undefined else { continue }
            scope.set(name, try self.value(of: value))
        }
    }

    private func giveBack() {
        for cell in cells { cell.empty() }
        while cells.popLast() != nil {}
    }

    // MARK: Counting

    /// Counts work; called before memory is taken.
    func charge(_ count: Int) throws(TemplateError) {
        let (sum, overflow) = steps.addingReportingOverflow(count)
        guard !overflow, sum <= limits.steps else {
            throw .limit(what: "steps of one rendering", limit: limits.steps, line: line)
        }
        steps = sum
    }

    /// One level deeper; every call is followed by `leave` in a `defer`. Not a closure: unoptimised builds
    /// pay two more stack frames for each.
    func enter() throws(TemplateError) {
        guard depth < limits.depth else {
            throw .limit(what: "nested evaluations", limit: limits.depth, line: line)
        }
        depth += 1
    }

    func leave() { depth -= 1 }

    /// Refuses text that is too long, before it is made where the length is known.
    func chargeText(_ bytes: Int) throws(TemplateError) {
        guard bytes <= limits.outputBytes else {
            throw .limit(what: "bytes of text", limit: limits.outputBytes, line: line)
        }
        try charge(bytes / 64)
    }

    // MARK: Making values

    func keep<C: Cell>(_ cell: C) -> C {
        cells.append(cell)
        return cell
    }

    func text(_ text: String) throws(TemplateError) -> Value {
        try chargeText(text.utf8.count)
        return .string(text)
    }

    func list(_ items: [Value], _ kind: ListCell.Kind = .list) throws(TemplateError) -> Value {
        try charge(items.count + 1)
        return .list(keep(ListCell(items, kind)))
    }

    func dictionary(_ pairs: [(key: Value, value: Value)]) throws(TemplateError) -> Value {
        try charge(pairs.count + 1)
        let cell = keep(DictionaryCell())
        for (key, value) in pairs {
            guard DictionaryKey(key) != nil else {
                throw fail("a \(key.typeName) cannot be a key of a dictionary")
            }
            cell.set(key, to: value)
        }
        return .dictionary(cell)
    }

    /// The value as the template sees it.
    private func value(of given: TemplateValue, level: Int = 0) throws(TemplateError) -> Value {
        guard level < valueNesting else {
            throw .limit(what: "lists and objects inside each other", limit: valueNesting, line: line)
        }
        switch given {
        case .undefined: return .undefined(.given)
        case .none: return .none
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(value)
        case .double(let value): return .double(value)
        case .string(let value): return .string(value)
        case .array(let items):
            var values: [Value] = []
            values.reserveCapacity(items.count)
            for item in items { values.append(try value(of: item, level: level + 1)) }
            return try list(values)
        case .object(let object):
            var pairs: [(key: Value, value: Value)] = []
            pairs.reserveCapacity(object.count)
            for (key, member) in object {
                pairs.append((.string(key), try value(of: member, level: level + 1)))
            }
            return try dictionary(pairs)
        }
    }

    // MARK: Errors

    func fail(_ message: String) -> TemplateError { .runtime(message: message, line: line) }

    /// The error of using an undefined value, `nil` for any other.
    func undefinedError(_ value: Value) -> TemplateError? {
        if case .undefined(let missing) = value { fail(missing.description) } else { nil }
    }
}
