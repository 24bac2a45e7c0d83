/// A binary heap of the pairs that wait to be merged, the most urgent first.
struct MergeQueue {
    struct Candidate {
        /// Urgency above, index of the left symbol below: the least goes first.
        var order: UInt64
        var token: TokenID
        /// Of both symbols together, in bytes.
        var length: UInt32

        var left: Int { Int(order & 0xFFFF_FFFF) }
    }
    private var heap: [Candidate] = []

    var count: Int { heap.count }

    mutating func removeAll() { heap.removeAll(keepingCapacity: true) }

    /// Adds a pair out of order; `order` puts it in its place.
    mutating func append(_ candidate: Candidate) { heap.append(candidate) }

    /// Orders the whole heap: O(n).
    mutating func order() {
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(index) }
    }

    /// Orders the pairs from `first` on, the ones before being in order: O(log n) each.
    mutating func order(from first: Int) {
        for index in first..<heap.count { siftUp(index) }
    }

    mutating func popFirst() -> Candidate? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            siftDown(0)
        }
        return first
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        let moving = heap[index]
        while index > 0 {
            let parent = (index - 1) / 2
            guard moving.order < heap[parent].order else { break }
            heap[index] = heap[parent]
            index = parent
        }
        heap[index] = moving
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        let moving = heap[index]
        while true {
            var child = index * 2 + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].order < heap[child].order { child += 1 }
            guard heap[child].order < moving.order else { break }
            heap[index] = heap[child]
            index = child
        }
        heap[index] = moving
    }
}
