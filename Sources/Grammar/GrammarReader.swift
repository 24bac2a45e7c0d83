/// A text as far as a grammar has read it; a value, so that a copy tries what may come next.
package struct GrammarReader {
    private let machine: GrammarMachine
    private var state: GrammarMachine.State

    /// What nests deeper, and texts that may be read in more ways, are none of the grammar.
    package static let maximumDepth = 256
    package static let maximumWays = 4096

    package init(_ grammar: Grammar) {
        machine = GrammarMachine(grammar)
        state = machine.start
    }

    /// Whether the text may end here.
    package var isComplete: Bool { machine.isComplete(state) }

    /// The bytes that may come next; none behind a text that is complete or not of the grammar.
    package var nextBytes: ByteSet { machine.nextBytes(state) }

    /// Whether `bytes` may come next, not always up to a place where the text may end.
    package func allows(_ bytes: some Sequence<UInt8>) -> Bool {
        var reader = self
        return reader.read(bytes)
    }

    /// Reads on.
    ///
    /// - Returns: whether the text is still the beginning of one of the grammar's; no other follows one that is not.
    package mutating func read(_ bytes: some Sequence<UInt8>) -> Bool {
        for byte in bytes {
            state = machine.state(after: byte, in: state)
            if state.threads.isEmpty { return false }
        }
        return !state.threads.isEmpty
    }
}
