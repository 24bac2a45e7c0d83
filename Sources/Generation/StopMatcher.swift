/// Cuts a stream of text before the first stop text, holding back only what may still become one.
struct StopMatcher {
    private let stops: [[UInt8]]
    private var held: [UInt8] = []
    /// Once true, everything further is dropped.
    private(set) var hasStopped = false

    /// Empty stop texts are ignored.
    init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty } }

    /// The text that is certain after `text` was added.
    mutating func append(_ text: String) -> String {
        guard !hasStopped else { return "" }
        guard !stops.isEmpty else { return text }
        held += Array(text.utf8)
        if let cut = firstStop() {
            hasStopped = true
            return release(cut)
        }
        return release(held.count - pendingCount())
    }

    /// What was held back, when no more text comes.
    mutating func flush() -> String { hasStopped ? "" : release(held.count) }

    private mutating func release(_ count: Int) -> String {
        let text = String(decoding: held.prefix(count), as: UTF8.self)
        held.removeFirst(count)
        return text
    }

    /// Where the earliest complete stop text begins.
    private func firstStop() -> Int? {
        for start in held.indices {
            for stop in stops where held[start...].starts(with: stop) { return start }
        }
        return nil
    }

    /// Length of the longest tail that is the beginning of some stop text.
    private func pendingCount() -> Int {
        let longest = stops.reduce(0) { max($0, $1.count) } - 1
        for count in stride(from: min(longest, held.count), to: 0, by: -1) {
            let tail = held.suffix(count)
            if stops.contains(where: { $0.starts(with: tail) }) { return count }
        }
        return 0
    }
}
