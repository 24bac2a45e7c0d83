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
        guard let number = Quantity.number(text, units: "KMGT", base: 1024), number < 0x1p62, Int(number) > 0
        else { return nil }
        self = .bytes(Int(number))
    }

    /// Bytes, as things are now.
    package var resolved: Int {
        switch self {
        case .bytes(let bytes): bytes
        case .auto: (ProcessFacts.availableBytes + ProcessFacts.residentBytes) / 10 * 9
        }
    }
}
