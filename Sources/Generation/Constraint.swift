internal import Grammar
internal import Tokenizer

/// Which tokens may come next.
protocol TokenFilter {
    func allows(_ token: TokenID) -> Bool
    /// All of the vocabulary that are not allowed; any others, too, once the request is cancelled.
    func excluded() -> [TokenID]
}

/// What the grammar of a request allows as its next token.
struct Constraint: TokenFilter {
    private var reader: GrammarReader
    private let tokenizer: Tokenizer
    private let isCancelled: () -> Bool

    /// - Parameter isCancelled: asked now and then while the vocabulary is looked through, which by a grammar that may be
    ///   read in many ways takes long.
    init(_ grammar: Grammar, tokenizer: Tokenizer, isCancelled: @escaping () -> Bool) {
        reader = GrammarReader(grammar)
        self.tokenizer = tokenizer
        self.isCancelled = isCancelled
    }

    /// Whether the answer is complete and nothing may follow.
    var isFinished: Bool { reader.isComplete && reader.nextBytes == ByteSet() }

    /// Tokens that end a generation are allowed where the answer may end, other tokens without text never.
    func allows(_ token: TokenID) -> Bool {
        if tokenizer.endOfGeneration.contains(token) { return reader.isComplete }
        let text = tokenizer.piece(of: token, showSpecial: false)
        return !text.isEmpty && reader.allows(text)
    }

    func excluded() -> [TokenID] {
        // Most tokens begin with another byte, and need no further look.
        let first = reader.nextBytes
        let ends = reader.isComplete ? tokenizer.endOfGeneration : []
        var tried = 0
        var isStopped = false
        return (0..<TokenID(tokenizer.count)).filter { token in
            let text = tokenizer.piece(of: token, showSpecial: false)
            guard let byte = text.first, first.contains(byte) else { return !ends.contains(token) }
            if tried % 64 == 0, !isStopped { isStopped = isCancelled() }
            tried += 1
            return isStopped || !allows(token)
        }
    }

    /// Goes on behind `token`.
    mutating func take(_ token: TokenID) { _ = reader.read(tokenizer.piece(of: token, showSpecial: false)) }
}
