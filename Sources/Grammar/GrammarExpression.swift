/// What texts may look like, as a tree; `Grammar` is the form in which texts are read by it.
package indirect enum GrammarExpression: Sendable {
    /// One byte of the set.
    case byte(ByteSet)
    case literal([UInt8])
    case sequence([GrammarExpression])
    /// One of these, which may begin alike.
    case choice([GrammarExpression])
    /// That often, one after the other; without end where `atMost` is `nil`.
    case repeated(GrammarExpression, atLeast: Int, atMost: Int?)
    /// The rule of this number, so that rules may hold themselves. What holds itself first of all never begins: that
    /// reads no text.
    case rule(Int)

    package static var empty: GrammarExpression { .sequence([]) }

    package static func text(_ text: String) -> GrammarExpression { .literal(Array(text.utf8)) }

    package static func optional(_ expression: GrammarExpression) -> GrammarExpression {
        .choice([expression, .empty])
    }

    /// About as many instructions as it takes.
    package var size: Int {
        switch self {
        case .byte, .rule: 1
        case .literal(let bytes): bytes.count
        case .sequence(let parts): parts.reduce(0) { $0 + $1.size }
        case .choice(let branches): branches.reduce(1) { $0 + $1.size + 1 }
        case .repeated(let body, _, _): body.size + 3
        }
    }

    /// One of these texts. Common beginnings are read once, so that a long list costs no more than a short one.
    package static func oneOf(_ literals: [[UInt8]]) -> GrammarExpression {
        let sorted = literals.sorted { $0.lexicographicallyPrecedes($1) }
        return tree(sorted[...], from: 0)
    }

    /// What follows the first `depth` bytes, which all of `literals` share; these are sorted.
    private static func tree(_ literals: ArraySlice<[UInt8]>, from depth: Int) -> GrammarExpression {
        guard let first = literals.first, let last = literals.last else { return .choice([]) }
        if first == last { return .literal(Array(first[depth...])) }
        var shared = depth
        while shared < first.count, first[shared] == last[shared] { shared += 1 }
        if shared > depth {
            return .sequence([.literal(Array(first[depth..<shared])), tree(literals, from: shared)])
        }
        var branches: [GrammarExpression] = []
        var rest = literals
        while let next = rest.first {
            guard next.count > depth else {
                if branches.isEmpty { branches.append(.empty) }
                rest = rest.dropFirst()
                continue
            }
            let branch = rest.prefix { $0[depth] == next[depth] }
            branches.append(tree(branch, from: depth))
            rest = rest.dropFirst(branch.count)
        }
        return .choice(branches)
    }
}
