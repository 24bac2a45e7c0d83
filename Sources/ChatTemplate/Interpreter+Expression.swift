/// Expressions.
extension Interpreter {
    func evaluate(_ expression: Expression) throws(TemplateError) -> Value {
        try charge(1)
        switch expression.form {
        case .constant(let constant): return value(of: constant)
        case .variable(let name): return scope.find(name) ?? .undefined(.variable(name))
        default:
            line = expression.line
            try enter()
            defer { leave() }
            return try evaluateInner(expression)
        }
    }

    private func evaluateInner(_ expression: Expression) throws(TemplateError) -> Value {
        switch expression.form {
        case .constant, .variable: return .none
        case .list(let items): return try list(try evaluate(items))
        case .tuple(let items): return try list(try evaluate(items), .tuple)
        case .dictionary(let pairs): return try dictionary(pairs)
        case .not(let operand): return .bool(!(try evaluate(operand).isTrue))
        case .negate(let operand): return try negated(evaluate(operand), sign: "-")
        case .plus(let operand): return try negated(evaluate(operand), sign: "+")
        case .and(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? try evaluate(right) : value
        case .or(let left, let right):
            let value = try evaluate(left)
            return value.isTrue ? value : try evaluate(right)
        case .binary(let operation, let left, let right):
            let (left, right) = (try evaluate(left), try evaluate(right))
            line = expression.line
            return try binary(operation, left, right)
        case .concatenation(let parts): return try concatenation(parts)
        case .comparison(let first, let links): return try comparison(first, links)
        case .conditional(let condition, let then, let otherwise):
            return try conditional(condition, then, otherwise, line: expression.line)
        case .attribute(let owner, let name):
            let owner = try evaluate(owner)
            line = expression.line
            return try attribute(name, of: owner)
        case .element(let owner, let place):
            let (owner, place) = (try evaluate(owner), try evaluate(place))
            line = expression.line
            return try element(place, of: owner)
        case .slice(let owner, let start, let stop, let step):
            return try slice(owner, start, stop, step)
        case .call(let callee, let arguments): return try call(callee, arguments, line: expression.line)
        case .filter(let input, let filter): return try apply(filter, to: evaluate(input))
        case .test(let input, let test): return .bool(try holds(test, evaluate(input)))
        }
    }

    private func value(of constant: Expression.Constant) -> Value {
        switch constant {
        case .none: .none
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .string(let value): .string(value)
        }
    }

    private func evaluate(_ expressions: [Expression]) throws(TemplateError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(expressions.count)
        for expression in expressions { values.append(try evaluate(expression)) }
        return values
    }

    func evaluate(_ written: CallArguments) throws(TemplateError) -> Arguments {
        var arguments = Arguments(positional: try evaluate(written.positional))
        for argument in written.named {
            arguments.named.append((argument.name, try evaluate(argument.value)))
        }
        return arguments
    }

    private func dictionary(_ pairs: [Expression.Pair]) throws(TemplateError) -> Value {
        var entries: [(key: Value, value: Value)] = []
        for pair in pairs { entries.append((try evaluate(pair.key), try evaluate(pair.value))) }
        return try dictionary(entries)
    }

    private func conditional(
        _ condition: Expression, _ then: Expression, _ otherwise: Expression?, line: Int
    ) throws(TemplateError) -> Value {
        if try evaluate(condition).isTrue { return try evaluate(then) }
        guard let otherwise else { return .undefined(.otherwise(line: line)) }
        return try evaluate(otherwise)
    }

    private func concatenation(_ parts: [Expression]) throws(TemplateError) -> Value {
        var result = ""
        for part in parts {
            let piece = try string(evaluate(part))
            try chargeText(result.utf8.count + piece.utf8.count)
            result += piece
        }
        return .string(result)
    }

    private func comparison(
        _ first: Expression, _ links: [Expression.Comparison]
    ) throws(TemplateError) -> Value {
        var left = try evaluate(first)
        for link in links {
            let right = try evaluate(link.right)
            guard try holds(link.relation, left, right) else { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    func holds(
        _ relation: Expression.Relation, _ left: Value, _ right: Value
    ) throws(TemplateError) -> Bool {
        switch relation {
        case .equal: try areEqual(left, right)
        case .notEqual: !(try areEqual(left, right))
        case .less: try isLess(left, right, "<")
        case .greater: try isLess(right, left, ">")
        case .lessEqual: !(try isLess(right, left, "<="))
        case .greaterEqual: !(try isLess(left, right, ">="))
        case .isIn: try contains(right, left)
        case .isNotIn: !(try contains(right, left))
        }
    }

    // MARK: Calls

    private func call(
        _ callee: Expression, _ written: CallArguments, line: Int
    ) throws(TemplateError) -> Value {
        let function = try evaluate(callee)
        let arguments = try evaluate(written)
        self.line = line
        return try call(function, arguments)
    }

    func call(_ function: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        if let error = undefinedError(function) { throw error }
        guard case .callable(let callable) = function else {
            throw fail("\(function.typeName) is not callable")
        }
        switch callable {
        case .function(let function): return try call(function, arguments.plain)
        case .macro(let macro): return try call(macro, arguments)
        case .method(let receiver, let method): return try call(method, of: receiver, arguments.plain)
        case .joiner(let cell):
            cell.index += 1
            return cell.index == 1 ? .string("") : cell.items.first ?? .string(", ")
        }
    }
}
