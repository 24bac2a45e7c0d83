/// How a body ended.
enum Completion {
    case finished, leaveLoop, nextIteration
}

/// Statements.
extension Interpreter {
    func run(_ body: [Statement]) throws(TemplateError) -> Completion {
        for statement in body {
            line = statement.line
            try charge(1)
            try enter()
            defer { leave() }
            let completion = try run(statement)
            if completion != .finished { return completion }
        }
        return .finished
    }

    private func run(_ statement: Statement) throws(TemplateError) -> Completion {
        switch statement.form {
        case .text(let text): try write(text)
        case .output(let expression): try write(try string(evaluate(expression)))
        case .branches(let branches, let otherwise): return try runFirst(of: branches, otherwise: otherwise)
        case .loop(let loop): try run(loop)
        case .assign(let target, let expression): try assign(try evaluate(expression), to: target)
        case .assignBlock(let target, let filters, let body):
            try assign(try filtered(capture(body), filters), to: target)
        case .macro(let definition): scope.set(definition.name, macro(definition))
        case .callBlock(let definition, let call): try runCall(definition, call)
        case .filterBlock(let filters, let body): try write(try string(filtered(capture(body), filters)))
        case .with(let values, let body): return try run(values, body)
        case .generation(let body):
            return try inside(Scope(inside: scope)) { () throws(TemplateError) in try run(body) }
        case .leaveLoop: return .leaveLoop
        case .nextIteration: return .nextIteration
        }
        return .finished
    }

    func write(_ text: String) throws(TemplateError) {
        let size = text.utf8.count
        guard output.utf8.count + size <= limits.outputBytes else {
            throw .limit(what: "bytes of output", limit: limits.outputBytes, line: line)
        }
        try charge(size / 64)
        output += text
    }

    /// Runs `body` with `inner` as its names.
    func inside<R>(_ inner: Scope, _ body: () throws(TemplateError) -> R) throws(TemplateError) -> R {
        let outer = scope
        scope = inner
        defer { scope = outer }
        return try body()
    }

    /// The text a body writes.
    func capture(_ body: [Statement], in inner: Scope? = nil) throws(TemplateError) -> Value {
        let before = output
        output = ""
        defer { output = before }
        _ = try inside(inner ?? Scope(inside: scope)) { () throws(TemplateError) in try run(body) }
        return .string(output)
    }

    private func filtered(_ value: Value, _ filters: [FilterCall]) throws(TemplateError) -> Value {
        var value = value
        for filter in filters { value = try apply(filter, to: value) }
        return value
    }

    private func runFirst(
        of branches: [Statement.Branch], otherwise: [Statement]
    ) throws(TemplateError) -> Completion {
        for branch in branches where try evaluate(branch.condition).isTrue { return try run(branch.body) }
        return try run(otherwise)
    }

    // MARK: Loops

    private func run(_ loop: Statement.Loop) throws(TemplateError) {
        var items = try elements(of: evaluate(loop.items))
        if let filter = loop.filter { items = try kept(items, of: loop, by: filter) }
        guard !items.isEmpty else {
            _ = try inside(Scope(inside: scope)) { () throws(TemplateError) in try run(loop.otherwise) }
            return
        }
        try charge(items.count)
        let cell = keep(LoopCell(items, depth: loopDepth))
        loopDepth += 1
        defer { loopDepth -= 1 }
        for index in items.indices {
            cell.index = index
            let inner = Scope(inside: scope)
            inner.set("loop", .loop(cell))
            let completion = try inside(inner) { () throws(TemplateError) in
                try assign(items[index], to: loop.target)
                return try run(loop.body)
            }
            if completion == .leaveLoop { break }
        }
    }

    private func kept(
        _ items: [Value], of loop: Statement.Loop, by filter: Expression
    ) throws(TemplateError) -> [Value] {
        var kept: [Value] = []
        for item in items {
            let isKept = try inside(Scope(inside: scope)) { () throws(TemplateError) in
                try assign(item, to: loop.target)
                return try evaluate(filter).isTrue
            }
            if isKept { kept.append(item) }
        }
        return kept
    }

    // MARK: Assignments

    private func assign(_ value: Value, to target: Statement.Target) throws(TemplateError) {
        switch target {
        case .name(let name): scope.set(name, value)
        case .attribute(let owner, let name):
            let holder = scope.find(owner) ?? .undefined(.variable(owner))
            guard case .namespace(let cell) = holder else {
                throw fail(
                    "attribute \"\(name)\" can be set on a namespace only, \"\(owner)\" is \(holder.typeName)"
                )
            }
            cell.members[name] = value
        case .tuple(let targets):
            let items = try elements(of: value)
            guard items.count == targets.count else {
                throw fail("\(items.count) values cannot be unpacked into \(targets.count) names")
            }
            for (item, target) in zip(items, targets) { try assign(item, to: target) }
        }
    }

    private func run(
        _ values: [(target: Statement.Target, value: Expression)], _ body: [Statement]
    ) throws(TemplateError) -> Completion {
        let inner = Scope(inside: scope)
        for (target, expression) in values {
            let value = try evaluate(expression)
            try inside(inner) { () throws(TemplateError) in try assign(value, to: target) }
        }
        return try inside(inner) { () throws(TemplateError) in try run(body) }
    }
}
