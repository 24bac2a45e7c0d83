/// The tokens of a template as the parser walks through them.
struct TokenStream {
    private let tokens: [Token]
    private var place = 0

    /// - Parameter tokens: not empty, ended by `.end`.
    init(_ tokens: [Token]) { self.tokens = tokens }

    var current: Token { tokens[min(place, tokens.count - 1)] }
    var next: Token { tokens[min(place + 1, tokens.count - 1)] }
    var line: Int { current.line }

    mutating func advance() { place += 1 }

    func isAt(_ symbol: Token.Symbol) -> Bool { current.kind == .symbol(symbol) }
    func isAt(word: String) -> Bool { current.kind == .name(word) }

    /// Steps over the symbol when it is here.
    mutating func take(_ symbol: Token.Symbol) -> Bool { take(.symbol(symbol)) }
    mutating func take(word: String) -> Bool { take(.name(word)) }

    mutating func take(_ kind: Token.Kind) -> Bool {
        guard current.kind == kind else { return false }
        advance()
        return true
    }

    mutating func expect(_ kind: Token.Kind) throws(TemplateError) {
        guard take(kind) else { throw unexpected(wanted: "\(kind)") }
    }

    mutating func expect(_ symbol: Token.Symbol) throws(TemplateError) { try expect(.symbol(symbol)) }
    mutating func expect(word: String) throws(TemplateError) { try expect(.name(word)) }

    mutating func expectName() throws(TemplateError) -> String {
        guard case .name(let name) = current.kind else { throw unexpected(wanted: "a name") }
        advance()
        return name
    }

    func unexpected(wanted: String) -> TemplateError {
        .syntax(message: "\(current.kind) where \(wanted) is due", line: line)
    }
}
