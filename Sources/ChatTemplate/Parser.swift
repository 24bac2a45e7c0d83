/// Builds the tree of a template: the statements. `Parser+Expression.swift` reads what stands inside the tags.
///
/// Source: jinja2 3.1, `parser.py`.
struct Parser {
    var stream: TokenStream
    /// Blocks, brackets and prefix operators open at this place.
    private var nesting = 0
    private var loops = 0
    /// Filters and tests nobody knows, found so far. What stands under an `if` is taken out again: as in jinja2
    /// it is an error only when it is reached.
    var unknown: [TemplateError] = []
    /// For each open macro the special names that its body reads.
    var specialNames: [Set<String>] = []

    static func parse(_ source: String) throws(TemplateError) -> [Statement] {
        var parser = Parser(stream: TokenStream(try Lexer.tokens(of: source)))
        let body = try parser.statements(until: [], opener: "", line: 1).body
        if let error = parser.unknown.first { throw error }
        return body
    }

    private init(stream: TokenStream) { self.stream = stream }

    /// Runs `read` one level deeper.
    mutating func nested<R>(
        _ read: (inout Parser) throws(TemplateError) -> R
    ) throws(TemplateError) -> R {
        nesting += 1
        guard nesting <= SourceLimits.nesting else {
            throw .limit(
                what: "blocks and brackets inside each other", limit: SourceLimits.nesting, line: stream.line)
        }
        defer { nesting -= 1 }
        return try read(&self)
    }

    /// Statements up to a tag that begins with one of `ends`, which is stepped over up to its name.
    private mutating func statements(
        until ends: [String], opener: String, line: Int
    ) throws(TemplateError) -> (body: [Statement], end: String) {
        var body: [Statement] = []
        while true {
            let token = stream.current
            stream.advance()
            switch token.kind {
            case .text(let text): body.append(Statement(form: .text(text), line: token.line))
            case .variableBegin:
                let value = try tupleExpression()
                try stream.expect(.variableEnd)
                body.append(Statement(form: .output(value), line: token.line))
            case .blockBegin:
                let name = try stream.expectName()
                if ends.contains(name) { return (body, name) }
                let form = try nested { parser throws(TemplateError) in
                    try parser.statement(name, line: token.line)
                }
                try stream.expect(.blockEnd)
                body.append(Statement(form: form, line: token.line))
            case .end where ends.isEmpty: return (body, "")
            case .end:
                throw .syntax(
                    message: "\"\(opener)\" that begins here has no \"\(ends[ends.count - 1])\"", line: line)
            default:
                throw .syntax(message: "unexpected \(token.kind)", line: token.line)
            }
        }
    }

    /// The body of a block whose opening tag ends here, up to and with the name of its closing tag.
    private mutating func block(
        _ opener: String, line: Int, ends: [String]
    ) throws(TemplateError) -> (body: [Statement], end: String) {
        _ = stream.take(.colon)
        try stream.expect(.blockEnd)
        return try statements(until: ends, opener: opener, line: line)
    }

    private mutating func statement(_ name: String, line: Int) throws(TemplateError) -> Statement.Form {
        switch name {
        case "if": try ifStatement(line)
        case "for": try loopStatement(line)
        case "set": try setStatement(line)
        case "macro": .macro(try macro(named: stream.expectName(), tag: "macro", line: line))
        case "call": try callBlock(line)
        case "filter": try filterBlock(line)
        case "with": try withStatement(line)
        case "generation": .generation(try block(name, line: line, ends: ["endgeneration"]).body)
        case "break" where loops > 0: .leaveLoop
        case "continue" where loops > 0: .nextIteration
        case "break", "continue":
            throw .syntax(message: "\"\(name)\" outside of a loop", line: line)
        case "include", "import", "from", "extends", "block", "autoescape", "trans", "do", "print", "debug":
            throw .unsupported(construct: "the tag \"\(name)\"", line: line)
        case "else", "elif", "endif", "endfor", "endset", "endmacro", "endcall", "endfilter", "endwith",
            "endgeneration":
            throw .syntax(message: "\"\(name)\" closes nothing", line: line)
        default: throw .syntax(message: "unknown tag \"\(name)\"", line: line)
        }
    }

    private mutating func ifStatement(_ line: Int) throws(TemplateError) -> Statement.Form {
        var branches: [Statement.Branch] = []
        let known = unknown.count
        defer { unknown.removeSubrange(known...) }
        while true {
            let condition = try tupleExpression(conditional: false)
            let (body, end) = try block("if", line: line, ends: ["elif", "else", "endif"])
            branches.append(Statement.Branch(condition: condition, body: body))
            switch end {
            case "elif": continue
            case "else":
                let otherwise = try block("else", line: line, ends: ["endif"]).body
                return .branches(branches, otherwise: otherwise)
            default: return .branches(branches, otherwise: [])
            }
        }
    }

    private mutating func loopStatement(_ line: Int) throws(TemplateError) -> Statement.Form {
        let target = try targetList()
        try stream.expect(word: "in")
        let items = try tupleExpression(conditional: false)
        let filter = stream.take(word: "if") ? try expression() : nil
        if stream.isAt(word: "recursive") {
            throw .unsupported(construct: "a recursive loop", line: stream.line)
        }
        loops += 1
        let (body, end) = try block("for", line: line, ends: ["else", "endfor"])
        loops -= 1
        let otherwise = end == "else" ? try block("else", line: line, ends: ["endfor"]).body : []
        return .loop(
            Statement.Loop(target: target, items: items, filter: filter, body: body, otherwise: otherwise))
    }

    private mutating func setStatement(_ line: Int) throws(TemplateError) -> Statement.Form {
        let target = try targetList()
        if stream.take(.assign) { return .assign(target, try tupleExpression()) }
        let filters = try filterChain()
        return .assignBlock(target, filters, try block("set", line: line, ends: ["endset"]).body)
    }

    private mutating func withStatement(_ line: Int) throws(TemplateError) -> Statement.Form {
        var values: [(target: Statement.Target, value: Expression)] = []
        while stream.current.kind != .blockEnd {
            if !values.isEmpty { try stream.expect(.comma) }
            let target = try singleTarget()
            try stream.expect(.assign)
            values.append((target, try expression()))
        }
        return .with(values, try block("with", line: line, ends: ["endwith"]).body)
    }

    private mutating func filterBlock(_ line: Int) throws(TemplateError) -> Statement.Form {
        let first = try filterCall()
        let filters = [first] + (try filterChain())
        return .filterBlock(filters, try block("filter", line: line, ends: ["endfilter"]).body)
    }

    // MARK: Macros

    private mutating func callBlock(_ line: Int) throws(TemplateError) -> Statement.Form {
        let parameters = stream.isAt(.leftParen) ? try self.parameters() : []
        let call = try expression()
        guard case .call = call.form else {
            throw .syntax(message: "\"call\" is not followed by the call of a macro", line: line)
        }
        return .callBlock(try macroBody("caller", parameters, tag: "call", line: line), call)
    }

    private mutating func macro(
        named name: String, tag: String, line: Int
    ) throws(TemplateError) -> MacroDefinition {
        try macroBody(name, try parameters(), tag: tag, line: line)
    }

    private mutating func macroBody(
        _ name: String, _ parameters: [MacroDefinition.Parameter], tag: String, line: Int
    ) throws(TemplateError) -> MacroDefinition {
        let outerLoops = loops
        loops = 0
        specialNames.append([])
        let body = try block(tag, line: line, ends: ["end\(tag)"]).body
        loops = outerLoops
        let names = specialNames.removeLast()
        return MacroDefinition(
            name: name, parameters: parameters, body: body, usesVarargs: names.contains("varargs"),
            usesKwargs: names.contains("kwargs"), usesCaller: names.contains("caller"))
    }

    private mutating func parameters() throws(TemplateError) -> [MacroDefinition.Parameter] {
        var parameters: [MacroDefinition.Parameter] = []
        try stream.expect(.leftParen)
        while !stream.take(.rightParen) {
            if !parameters.isEmpty { try stream.expect(.comma) }
            let line = stream.line
            let name = try stream.expectName()
            let value = stream.take(.assign) ? try expression() : nil
            if value == nil, parameters.last?.defaultValue != nil {
                throw .syntax(message: "parameter \"\(name)\" without a default follows one with", line: line)
            }
            parameters.append(MacroDefinition.Parameter(name: name, defaultValue: value))
        }
        return parameters
    }

    // MARK: Targets

    /// Names separated by commas; more than one are a tuple.
    private mutating func targetList() throws(TemplateError) -> Statement.Target {
        let first = try singleTarget()
        guard stream.isAt(.comma) else { return first }
        var targets = [first]
        while stream.take(.comma) {
            if case .name("in") = stream.current.kind { break }
            if stream.isAt(.assign) || stream.isAt(.rightParen) || stream.current.kind == .blockEnd { break }
            targets.append(try singleTarget())
        }
        return .tuple(targets)
    }

    private mutating func singleTarget() throws(TemplateError) -> Statement.Target {
        if stream.take(.leftParen) {
            let inner = try nested { parser throws(TemplateError) in try parser.targetList() }
            try stream.expect(.rightParen)
            return inner
        }
        let line = stream.line
        let name = try stream.expectName()
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
            throw .syntax(message: "\"\(name)\" cannot be assigned to", line: line)
        }
        return stream.take(.dot) ? .attribute(of: name, try stream.expectName()) : .name(name)
    }
}
