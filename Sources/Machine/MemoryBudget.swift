/// How much memory a process may take: a number of bytes, or what the machine and the control group leave it.
package enum MemoryBudget: Sendable, Equatable {
    case bytes(Int)
    /// Nine tenths of what is free when it is asked for.
    case auto

    /// Reads `auto`, or a number of bytes with K, M, G or T for powers of 1024 behind it, as systemd writes them.
    package init?(_ text: String) {
        if text == "auto" {
            self = .auto
            return
        }
        guard let bytes = Self.bytes(text), bytes > 0 else { return nil }
        self = .bytes(bytes)
    }

    /// A number of bytes, possibly with K, M, G or T behind it for powers of 1024.
    private static func bytes(_ text: String) -> Int? {
        var digits = Substring(text)
        var unit = 1
        if let last = digits.last, let power = "KMGT".firstIndex(of: Character(last.uppercased())) {
            for _ in 0..."KMGT".distance(from: "KMGT".startIndex, to: power) { unit *= 1024 }
            digits.removeLast()
        }
        guard let number = Double(digits), number.isFinite, number >= 0, number * Double(unit) < 0x1p62 else {
            return nil
        }
        return Int(number * Double(unit))
    }

    /// Bytes, as things are now.
    package var resolved: Int {
        switch self {
        case .bytes(let bytes): bytes
        case .auto: (ProcessFacts.availableBytes + ProcessFacts.residentBytes) / 10 * 9
        }
    }
}
