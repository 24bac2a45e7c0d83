/// Which texts are allowed, as instructions of a machine that reads bytes and has a stack.
///
/// Its threads are all ways in which a text so far may be read; see `GrammarMachine`.
/// Source: the machines of Thompson (1968) and Pike for regular expressions, with calls added.
package struct Grammar: Sendable, Equatable {
    enum Instruction: Sendable, Equatable {
        /// Reads one byte of the set.
        case byte(ByteSet)
        /// Goes on at each of these.
        case split([Int])
        case jump(Int)
        case call(Int)
        case `return`
        /// Puts a counter on the stack.
        case count
        /// Goes on behind this with one more of the repetition that the counter counts, or at `exit` without the counter.
        case `repeat`(atLeast: Int, atMost: Int?, exit: Int)
        case accept
    }

    let instructions: [Instruction]

    /// More instructions than this are refused.
    package static let maximumSize = 100_000

    /// - Throws: `GrammarError.tooLarge`.
    package init(_ root: GrammarExpression, rules: [GrammarExpression] = []) throws(GrammarError) {
        var assembler = Assembler()
        try assembler.add(root)
        assembler.instructions.append(.accept)
        var places: [Int] = []
        for rule in rules {
            places.append(assembler.instructions.count)
            try assembler.add(rule)
            assembler.instructions.append(.return)
        }
        let assembled = assembler.instructions
        instructions = assembled.indices.map { index in
            guard case .call(let rule) = assembled[index] else { return assembled[index] }
            // What a rule ends with returns for it: else a long row of such rules would be deep.
            return assembled[index + 1] == .return ? .jump(places[rule]) : .call(places[rule])
        }
    }

    /// Calls name rules by their numbers until all have a place.
    private struct Assembler {
        var instructions: [Instruction] = []

        mutating func add(_ expression: GrammarExpression) throws(GrammarError) {
            guard instructions.count < Grammar.maximumSize else {
                throw .tooLarge(limit: Grammar.maximumSize)
            }
            switch expression {
            case .byte(let set): instructions.append(.byte(set))
            case .literal(let bytes): instructions += bytes.map { .byte(ByteSet($0)) }
            case .sequence(let parts): for part in parts { try add(part) }
            case .choice(let branches): try add(branches)
            case .repeated(let body, let least, let most): try add(body, least, most)
            case .rule(let number): instructions.append(.call(number))
            }
        }

        private mutating func add(_ branches: [GrammarExpression]) throws(GrammarError) {
            let split = instructions.count
            instructions.append(.split([]))
            var starts: [Int] = []
            var ends: [Int] = []
            for branch in branches {
                starts.append(instructions.count)
                try add(branch)
                ends.append(instructions.count)
                instructions.append(.jump(0))
            }
            instructions[split] = .split(starts)
            for end in ends { instructions[end] = .jump(instructions.count) }
        }

        private mutating func add(
            _ body: GrammarExpression, _ least: Int, _ most: Int?
        ) throws(GrammarError) {
            instructions.append(.count)
            let start = instructions.count
            instructions.append(.repeat(atLeast: least, atMost: most, exit: 0))
            try add(body)
            instructions.append(.jump(start))
            instructions[start] = .repeat(atLeast: least, atMost: most, exit: instructions.count)
        }
    }
}

extension Grammar: CustomStringConvertible {
    package var description: String { "grammar of \(instructions.count) instructions" }
}

package enum GrammarError: Error, Sendable, Equatable {
    /// The grammar takes more than `limit` instructions.
    case tooLarge(limit: Int)
}
