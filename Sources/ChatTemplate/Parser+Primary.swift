/// Names, literals and what stands in brackets.
extension Parser {
    mutating func primary() throws(TemplateError) -> Expression {
        let token = stream.current
        stream.advance()
        switch token.kind {
        case .name(let name): return try named(name, line: token.line)
        case .string(var text):
            while case .string(let more) = stream.current.kind {
                text += more
                stream.advance()
            }
            return try node(.constant(.string(text)), line: token.line)
        case .int(let value): return try node(.constant(.int(value)), line: token.line)
        case .double(let value): return try node(.constant(.double(value)), line: token.line)
        case .symbol(.leftParen): return try parenthesised(line: token.line)
        case .symbol(.leftBracket): return try list(line: token.line)
        case .symbol(.leftBrace): return try dictionary(line: token.line)
        default:
            throw .syntax(message: "\(token.kind) where a value is due", line: token.line)
        }
    }

    private mutating func named(_ name: String, line: Int) throws(TemplateError) -> Expression {
        switch name {
        case "true", "True": return try node(.constant(.bool(true)), line: line)
        case "false", "False": return try node(.constant(.bool(false)), line: line)
        case "none", "None": return try node(.constant(.none), line: line)
        case "varargs", "kwargs", "caller":
            if !specialNames.isEmpty { specialNames[specialNames.count - 1].insert(name) }
        default: break
        }
        return try node(.variable(name), line: line)
    }

    /// The parser's own nesting counts the brackets; a pair of them makes no node.
    private mutating func parenthesised(line: Int) throws(TemplateError) -> Expression {
        if stream.take(.rightParen) { return try node(.tuple([]), line: line) }
        let value = try tupleExpression()
        try stream.expect(.rightParen)
        return value
    }

    private mutating func list(line: Int) throws(TemplateError) -> Expression {
        var items: [Expression] = []
        while !stream.take(.rightBracket) {
            if !items.isEmpty {
                try stream.expect(.comma)
                if stream.take(.rightBracket) { break }
            }
            items.append(try expression())
        }
        return try node(.list(items), line: line, childDepth: items.map(\.depth).max() ?? 0)
    }

    private mutating func dictionary(line: Int) throws(TemplateError) -> Expression {
        var pairs: [Expression.Pair] = []
        while !stream.take(.rightBrace) {
            if !pairs.isEmpty {
                try stream.expect(.comma)
                if stream.take(.rightBrace) { break }
            }
            let key = try expression()
            try stream.expect(.colon)
            pairs.append(Expression.Pair(key: key, value: try expression()))
        }
        let depth = pairs.map { max($0.key.depth, $0.value.depth) }.max() ?? 0
        return try node(.dictionary(pairs), line: line, childDepth: depth)
    }
}
