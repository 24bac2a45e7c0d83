/// Expressions, from the loosest operator to the tightest.
extension Parser {
    /// Makes a node and bounds the depth of the tree under it.
    func node(
        _ form: Expression.Form, line: Int, over children: Expression...
    ) throws(TemplateError) -> Expression {
        try node(form, line: line, childDepth: children.map(\.depth).max() ?? 0)
    }

    func node(_ form: Expression.Form, line: Int, childDepth: Int) throws(TemplateError) -> Expression {
        guard childDepth < SourceLimits.nesting else {
            throw .limit(what: "operators inside each other", limit: SourceLimits.nesting, line: line)
        }
        return Expression(form: form, line: line, depth: childDepth + 1)
    }

    /// Expressions separated by commas are a tuple.
    mutating func tupleExpression(conditional: Bool = true) throws(TemplateError) -> Expression {
        let line = stream.line
        let first = try expression(conditional: conditional)
        guard stream.isAt(.comma) else { return first }
        var items = [first]
        while stream.take(.comma) {
            if isAtTupleEnd { break }
            items.append(try expression(conditional: conditional))
        }
        return try node(.tuple(items), line: line, childDepth: items.map(\.depth).max() ?? 0)
    }

    private var isAtTupleEnd: Bool {
        switch stream.current.kind {
        case .variableEnd, .blockEnd, .symbol(.rightParen), .end: true
        default: false
        }
    }

    /// - Parameter conditional: false where an `if` belongs to the statement, as in `for x in y if z`.
    mutating func expression(conditional: Bool = true) throws(TemplateError) -> Expression {
        try nested { parser throws(TemplateError) in
            try conditional ? parser.conditional() : parser.disjunction()
        }
    }

    private mutating func conditional() throws(TemplateError) -> Expression {
        let line = stream.line
        let known = unknown.count
        var value = try disjunction()
        let isConditional = stream.isAt(word: "if")
        while stream.take(word: "if") {
            let condition = try disjunction()
            var otherwise: Expression?
            if stream.take(word: "else") { otherwise = try expression() }
            value = try node(
                .conditional(condition: condition, then: value, otherwise: otherwise), line: line,
                childDepth: max(value.depth, condition.depth, otherwise?.depth ?? 0))
        }
        if isConditional { unknown.removeSubrange(known...) }
        return value
    }

    private mutating func disjunction() throws(TemplateError) -> Expression {
        let line = stream.line
        var left = try conjunction()
        while stream.take(word: "or") {
            let right = try conjunction()
            left = try node(.or(left, right), line: line, over: left, right)
        }
        return left
    }

    private mutating func conjunction() throws(TemplateError) -> Expression {
        let line = stream.line
        var left = try negation()
        while stream.take(word: "and") {
            let right = try negation()
            left = try node(.and(left, right), line: line, over: left, right)
        }
        return left
    }

    private mutating func negation() throws(TemplateError) -> Expression {
        let line = stream.line
        guard stream.take(word: "not") else { return try comparison() }
        let operand = try nested { parser throws(TemplateError) in try parser.negation() }
        return try node(.not(operand), line: line, over: operand)
    }

    private mutating func comparison() throws(TemplateError) -> Expression {
        let line = stream.line
        let left = try binary(lowest: 0)
        var links: [Expression.Comparison] = []
        while let relation = takeRelation() {
            links.append(Expression.Comparison(relation: relation, right: try binary(lowest: 0)))
        }
        guard !links.isEmpty else { return left }
        let depth = max(left.depth, links.map(\.right.depth).max() ?? 0)
        return try node(.comparison(left, links), line: line, childDepth: depth)
    }

    private mutating func takeRelation() -> Expression.Relation? {
        switch stream.current.kind {
        case .symbol(let symbol):
            guard let relation = Expression.Relation(rawValue: symbol.rawValue) else { return nil }
            stream.advance()
            return relation
        case .name("in"):
            stream.advance()
            return .isIn
        case .name("not") where stream.next.kind == .name("in"):
            stream.advance()
            stream.advance()
            return .isNotIn
        default: return nil
        }
    }

    /// `+ -`, then `~`, then `* / // %`, then `**`, each from left to right.
    private mutating func binary(lowest: Int) throws(TemplateError) -> Expression {
        let line = stream.line
        var left = try unary(withFilters: true)
        while case .symbol(let symbol) = stream.current.kind, let level = Self.level(of: symbol),
            level >= lowest
        {
            stream.advance()
            if symbol == .tilde {
                left = try concatenation(from: left, line: line)
                continue
            }
            let right = try nested { parser throws(TemplateError) in try parser.binary(lowest: level + 1) }
            guard let operation = Expression.BinaryOperator(rawValue: symbol.rawValue) else { break }
            left = try node(.binary(operation, left, right), line: line, over: left, right)
        }
        return left
    }

    private static func level(of symbol: Token.Symbol) -> Int? {
        switch symbol {
        case .add, .subtract: 0
        case .tilde: 1
        case .multiply, .divide, .floorDivide, .modulo: 2
        case .power: 3
        default: nil
        }
    }

    /// A chain of `~` is one node, however long.
    private mutating func concatenation(
        from first: Expression, line: Int
    ) throws(TemplateError) -> Expression {
        var parts = [first]
        repeat {
            parts.append(try nested { parser throws(TemplateError) in try parser.binary(lowest: 2) })
        } while stream.take(.tilde)
        return try node(.concatenation(parts), line: line, childDepth: parts.map(\.depth).max() ?? 0)
    }

    private mutating func unary(withFilters: Bool) throws(TemplateError) -> Expression {
        let line = stream.line
        var value: Expression
        if stream.take(.subtract) {
            let operand = try nested { parser throws(TemplateError) in try parser.unary(withFilters: false) }
            value = try node(.negate(operand), line: line, over: operand)
        } else if stream.take(.add) {
            let operand = try nested { parser throws(TemplateError) in try parser.unary(withFilters: false) }
            value = try node(.plus(operand), line: line, over: operand)
        } else {
            value = try primary()
        }
        value = try postfix(value)
        return withFilters ? try filtersAndTests(value) : value
    }

    // MARK: Postfix

    private mutating func postfix(_ start: Expression) throws(TemplateError) -> Expression {
        var value = start
        while true {
            let line = stream.line
            if stream.take(.dot) {
                value = try attribute(of: value, line: line)
            } else if stream.take(.leftBracket) {
                value = try subscripted(value, line: line)
            } else if stream.isAt(.leftParen) {
                value = try call(value)
            } else {
                return value
            }
        }
    }

    private mutating func attribute(of value: Expression, line: Int) throws(TemplateError) -> Expression {
        if case .int(let index) = stream.current.kind {
            stream.advance()
            let place = try node(.constant(.int(index)), line: line)
            return try node(.element(value, at: place), line: line, over: value)
        }
        return try node(.attribute(value, try stream.expectName()), line: line, over: value)
    }

    private mutating func subscripted(_ value: Expression, line: Int) throws(TemplateError) -> Expression {
        var start: Expression?
        if !stream.isAt(.colon) {
            let index = try tupleSubscript()
            if stream.take(.rightBracket) {
                return try node(.element(value, at: index), line: line, over: value, index)
            }
            start = index
        }
        try stream.expect(.colon)
        var stop: Expression?
        var step: Expression?
        if !stream.isAt(.colon), !stream.isAt(.rightBracket) { stop = try expression() }
        if stream.take(.colon), !stream.isAt(.rightBracket) { step = try expression() }
        try stream.expect(.rightBracket)
        let depth = [start, stop, step].compactMap { $0?.depth }.max() ?? 0
        return try node(
            .slice(value, start: start, stop: stop, step: step), line: line,
            childDepth: max(depth, value.depth))
    }

    private mutating func tupleSubscript() throws(TemplateError) -> Expression {
        let index = try expression()
        if stream.isAt(.comma) {
            throw .unsupported(construct: "a subscript of several values", line: stream.line)
        }
        return index
    }

    private mutating func call(_ callee: Expression) throws(TemplateError) -> Expression {
        let line = stream.line
        let arguments = try callArguments()
        return try node(.call(callee, arguments), line: line, childDepth: max(callee.depth, arguments.depth))
    }

    mutating func callArguments() throws(TemplateError) -> CallArguments {
        var arguments = CallArguments()
        try stream.expect(.leftParen)
        var isFirst = true
        while !stream.take(.rightParen) {
            if !isFirst {
                try stream.expect(.comma)
                if stream.take(.rightParen) { break }
            }
            isFirst = false
            if stream.isAt(.multiply) || stream.isAt(.power) {
                throw .unsupported(
                    construct: "an argument list taken from a value (\"*\" or \"**\")", line: stream.line)
            }
            if case .name(let name) = stream.current.kind, stream.next.kind == .symbol(.assign) {
                stream.advance()
                stream.advance()
                arguments.named.append(CallArguments.Named(name: name, value: try expression()))
            } else {
                guard arguments.named.isEmpty else {
                    throw .syntax(message: "an argument without a name follows one with", line: stream.line)
                }
                arguments.positional.append(try expression())
            }
        }
        return arguments
    }

    // MARK: Filters and tests

    private mutating func filtersAndTests(_ start: Expression) throws(TemplateError) -> Expression {
        var value = start
        while true {
            let line = stream.line
            if stream.take(.pipe) {
                let call = try filterCall()
                value = try node(
                    .filter(value, call), line: call.line, childDepth: max(value.depth, call.arguments.depth))
            } else if stream.take(word: "is") {
                value = try test(of: value, line: line)
            } else if stream.isAt(.leftParen) {
                value = try call(value)
            } else {
                return value
            }
        }
    }

    /// `| a | b(c)`, possibly none.
    mutating func filterChain() throws(TemplateError) -> [FilterCall] {
        var calls: [FilterCall] = []
        while stream.take(.pipe) { calls.append(try filterCall()) }
        return calls
    }

    mutating func filterCall() throws(TemplateError) -> FilterCall {
        let line = stream.line
        let name = try stream.expectName()
        let filter = Filter(name: name)
        if case .unknown = filter {
            unknown.append(.unsupported(construct: "the filter \"\(name)\"", line: line))
        }
        let arguments = stream.isAt(.leftParen) ? try callArguments() : CallArguments()
        return FilterCall(filter: filter, arguments: arguments, line: line)
    }

    private mutating func test(of value: Expression, line: Int) throws(TemplateError) -> Expression {
        let isNegated = stream.take(word: "not")
        let name = try stream.expectName()
        let test = ValueTest(name: name)
        if case .unknown = test {
            unknown.append(.unsupported(construct: "the test \"\(name)\"", line: line))
        }
        var arguments = CallArguments()
        if stream.isAt(.leftParen) {
            arguments = try callArguments()
        } else if beginsTestArgument {
            if stream.isAt(word: "is") { throw .syntax(message: "a test of a test; use \"and\"", line: line) }
            arguments.positional = [
                try nested { parser throws(TemplateError) in try parser.postfix(try parser.primary()) }
            ]
        }
        let depth = max(value.depth, arguments.depth)
        let result = try node(
            .test(value, TestCall(test: test, arguments: arguments)), line: line, childDepth: depth)
        return isNegated ? try node(.not(result), line: line, over: result) : result
    }

    private var beginsTestArgument: Bool {
        switch stream.current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .int, .double, .symbol(.leftBracket), .symbol(.leftBrace): true
        default: false
        }
    }
}
