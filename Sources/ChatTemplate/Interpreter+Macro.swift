/// Macros and the blocks handed to them.
extension Interpreter {
    /// The macro keeps the names around it alive and sees what is assigned to them later.
    func macro(_ definition: MacroDefinition) -> Value {
        .callable(.macro(keep(MacroCell(definition, scope: keep(scope)))))
    }

    func runCall(_ definition: MacroDefinition, _ call: Expression) throws(TemplateError) {
        guard case .call(let callee, let written) = call.form else { return }
        let function = try evaluate(callee)
        var arguments = try evaluate(written)
        arguments.named.append((name: "caller", value: macro(definition)))
        line = call.line
        try write(try string(self.call(function, arguments)))
    }

    func call(_ macro: MacroCell, _ arguments: Arguments) throws(TemplateError) -> Value {
        guard let scope = macro.scope else { return .string("") }
        try enter()
        defer { leave() }
        let definition = macro.definition
        let inner = Scope(inside: scope)
        var named = arguments.named
        try bindSpecial(definition, positional: arguments.positional, named: &named, in: inner)
        for (index, parameter) in definition.parameters.enumerated() {
            let place = named.firstIndex { $0.name == parameter.name }
            if index < arguments.positional.count {
                guard place == nil else {
                    throw fail("macro \"\(definition.name)\" got two values for \"\(parameter.name)\"")
                }
                inner.set(parameter.name, arguments.positional[index])
            } else if let place {
                inner.set(parameter.name, named.remove(at: place).value)
            } else if let expression = parameter.defaultValue {
                inner.set(
                    parameter.name,
                    try inside(inner) { () throws(TemplateError) in try evaluate(expression) })
            } else {
                inner.set(parameter.name, .undefined(.parameter(parameter.name)))
            }
        }
        try bindRest(definition, named, in: inner)
        let outerLoops = loopDepth
        loopDepth = 0
        defer { loopDepth = outerLoops }
        return try capture(definition.body, in: inner)
    }

    private func bindSpecial(
        _ definition: MacroDefinition, positional: [Value], named: inout [(name: String, value: Value)],
        in scope: Scope
    ) throws(TemplateError) {
        let extra = positional.dropFirst(definition.parameters.count)
        if definition.usesVarargs {
            scope.set("varargs", try list(Array(extra), .tuple))
        } else if !extra.isEmpty {
            throw fail(
                "macro \"\(definition.name)\" takes \(definition.parameters.count) arguments, "
                    + "\(positional.count) are given")
        }
        guard definition.usesCaller else { return }
        let place = named.firstIndex { $0.name == "caller" }
        scope.set("caller", place.map { named.remove(at: $0).value } ?? .undefined(.variable("caller")))
    }

    private func bindRest(
        _ definition: MacroDefinition, _ named: [(name: String, value: Value)], in scope: Scope
    ) throws(TemplateError) {
        if definition.usesKwargs {
            scope.set("kwargs", try dictionary(named.map { (key: .string($0.name), value: $0.value) }))
        } else if let first = named.first {
            throw fail("macro \"\(definition.name)\" has no parameter \"\(first.name)\"")
        }
    }
}
