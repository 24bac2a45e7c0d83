import Testing

@testable import Tokenizer

@Suite struct TableTests {
    @Test(arguments: [0, 1, 11, 100, 5000]) func everyTextIsFoundAgain(count: Int) {
        let tokens = (0..<count).map { Array("token \($0 &* 7919)".utf8) }
        var table = TokenTable(tokens)
        #expect(table.count == count)
        for (id, token) in tokens.enumerated() {
            #expect(table.id(of: token, 0..<token.count) == TokenID(id))
        }
        #expect(table.id(of: "nothing") == nil)
        #expect(table.id(of: "") == nil)
        for extra in 0..<count {
            let text = Array("extra \(extra)".utf8)
            #expect(table.intern(text, 0..<text.count) == TokenID(count + extra))
            #expect(table.intern(text, 0..<text.count) == TokenID(count + extra))
        }
        for (id, token) in tokens.enumerated() {
            #expect(table.id(of: token, 0..<token.count) == TokenID(id))
        }
    }

    @Test func pairsKeepTheirFirstValueAndSurviveGrowth() {
        var pairs = PairTable(capacity: 0)
        for i in 0..<2000 as Range<UInt32> {
            pairs.insert(i % 50, i / 50, value: (i, i + 1))
            pairs.insert(i % 50, i / 50, value: (0, 0))
        }
        for i in 0..<2000 as Range<UInt32> {
            #expect(pairs[i % 50, i / 50]?.0 == i)
            #expect(pairs[i % 50, i / 50]?.1 == i + 1)
        }
        #expect(pairs[50, 0] == nil)
        #expect(pairs[.max, .max] == nil)
    }

    @Test(arguments: 0..<10) func queueGivesTheLeastFirst(seed: UInt64) {
        var random = SplitMix(state: seed)
        let orders = (0..<200).map { _ in random.next() % 500 }
        var queue = MergeQueue()
        for order in orders[..<100] { queue.append(.init(order: order, token: 0, length: 0)) }
        queue.order()
        for order in orders[100...] {
            queue.append(.init(order: order, token: 0, length: 0))
            queue.order(from: queue.count - 1)
        }
        var popped: [UInt64] = []
        while let first = queue.popFirst() { popped.append(first.order) }
        #expect(popped == orders.sorted())
    }
}
