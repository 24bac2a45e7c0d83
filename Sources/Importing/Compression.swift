/// What the person who imports asks of compression.
package enum Compression: Sendable, Equatable, CustomStringConvertible {
    /// Per segment: zstd where a sample shrinks enough to be worth it.
    case auto
    /// Everything as it is, usable in place.
    case none
    /// Everything with zstd of this level, 1 to 19.
    case zstd(level: Int)

    /// A sample must shrink by this share for `auto` to compress its segment. Less is not worth losing the
    /// use of the bytes in place from the page cache.
    package static let leastGain = 0.05
    /// Higher levels gain next to nothing on weights and take several times as long.
    package static let defaultLevel = 9

    /// Reads `auto`, `none`, `zstd` or `zstd:LEVEL`.
    package init?(_ text: String) {
        let words = text.split(separator: ":", omittingEmptySubsequences: false)
        switch (words.first, words.count) {
        case ("auto", 1): self = .auto
        case ("none", 1): self = .none
        case ("zstd", 1): self = .zstd(level: Self.defaultLevel)
        case ("zstd", 2):
            guard let level = Int(words[1]), (1...19).contains(level) else { return nil }
            self = .zstd(level: level)
        default: return nil
        }
    }

    package var description: String {
        switch self {
        case .auto: "auto"
        case .none: "none"
        case .zstd(let level): "zstd:\(level)"
        }
    }

    /// Of zstd, where something is compressed.
    package var level: Int {
        if case .zstd(let level) = self { level } else { Self.defaultLevel }
    }
}
