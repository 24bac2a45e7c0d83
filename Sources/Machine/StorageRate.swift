/// How fast storage reads: as it does, or a number of bytes per second.
package enum StorageRate: Sendable, Equatable {
    /// To be measured.
    case auto
    case bytesPerSecond(Double)

    /// Reads `auto`, or a number with K, M or G behind it for powers of 1000, as rates are given.
    package init?(_ text: String) {
        if text == "auto" {
            self = .auto
            return
        }
        // A floppy disk reads some 30 kB/s.
        guard let number = Quantity.number(text, units: "KMG", base: 1000), (1e4...1e12).contains(number)
        else { return nil }
        self = .bytesPerSecond(number)
    }

    /// `nil` for what the storage does.
    package var given: Double? {
        switch self {
        case .auto: nil
        case .bytesPerSecond(let rate): rate
        }
    }
}
