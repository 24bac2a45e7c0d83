/// The tokens that are looked for in a text before anything else, as a tree of bytes.
///
/// At each place the longest one wins. Cost: the text once, and at each place as far as some token
/// goes on; how many tokens there are does not matter.
struct SpecialTokens: Sendable {
    /// `[node, byte] -> (child, 0)`; the root is node 0.
    private var children: PairTable
    /// The token that ends in each node.
    private var tokens: [TokenID?] = [nil]
    /// Whether some token begins with this byte.
    private var begins = [Bool](repeating: false, count: 256)

    init(_ ids: [TokenID], _ table: TokenTable) {
        children = PairTable(capacity: ids.count * 8)
        for id in ids {
            insert(table.text(id), id)
        }
    }

    private mutating func insert(_ text: ArraySlice<UInt8>, _ id: TokenID) {
        guard let first = text.first else { return }
        begins[Int(first)] = true
        var node: UInt32 = 0
        for byte in text {
            if let (child, _) = children[node, UInt32(byte)] {
                node = child
            } else {
                let child = UInt32(truncatingIfNeeded: tokens.count)
                children.insert(node, UInt32(byte), value: (child, 0))
                tokens.append(nil)
                node = child
            }
        }
        tokens[Int(node)] = id
    }

    /// The first token in `text[range]` and where it is, nil when there is none.
    func first(in text: [UInt8], _ range: Range<Int>) -> (token: TokenID, range: Range<Int>)? {
        for start in range where begins[Int(text[start])] {
            if let (token, end) = longest(at: start, text, range.upperBound) {
                return (token, start..<end)
            }
        }
        return nil
    }

    private func longest(at start: Int, _ text: [UInt8], _ limit: Int) -> (TokenID, Int)? {
        var found: (TokenID, Int)?
        var node: UInt32 = 0
        var index = start
        while index < limit, let (child, _) = children[node, UInt32(text[index])] {
            node = child
            index += 1
            if let token = tokens[Int(node)] { found = (token, index) }
        }
        return found
    }
}
