/// What the rules that cut text into words want to know of a character.
struct ScalarClass: OptionSet, Sendable {
    var rawValue: UInt8

    /// `\p{L}`
    static let letter = ScalarClass(rawValue: 1)
    /// `\p{N}`
    static let number = ScalarClass(rawValue: 2)
    /// `\s`: the property White_Space
    static let space = ScalarClass(rawValue: 4)
    /// `\p{M}`
    static let mark = ScalarClass(rawValue: 8)
    /// `\p{P}`
    static let punctuation = ScalarClass(rawValue: 16)
    /// `\p{S}`
    static let symbol = ScalarClass(rawValue: 32)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The class of any scalar value; empty for what no rule names.
    init(of value: UInt32) {
        guard let scalar = Unicode.Scalar(value) else {
            self = []
            return
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            self = .letter
        case .decimalNumber, .letterNumber, .otherNumber: self = .number
        case .nonspacingMark, .spacingMark, .enclosingMark: self = .mark
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
            .initialPunctuation, .finalPunctuation, .otherPunctuation:
            self = .punctuation
        case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: self = .symbol
        default: self = scalar.properties.isWhitespace ? .space : []
        }
    }

    /// The classes of ASCII, looked up so much more often than all the others.
    static let ascii: [ScalarClass] = (0..<128).map { ScalarClass(of: $0) }
}

/// A stretch of text as scalars with their classes, in which the word rules count.
struct ScalarText {
    private(set) var scalars: [UInt32] = []
    private(set) var classes: [ScalarClass] = []
    /// Where each scalar begins in the bytes, and at the end where the last one stops.
    private var offsets: [UInt32] = []
    private let base: Int

    var count: Int { scalars.count }

    /// Reads `bytes[range]`, less than 4 GiB; a byte that is not part of a character counts as U+FFFD.
    init(_ bytes: [UInt8], _ range: Range<Int>) {
        base = range.lowerBound
        scalars.reserveCapacity(range.count)
        classes.reserveCapacity(range.count)
        offsets.reserveCapacity(range.count + 1)
        let ascii = ScalarClass.ascii
        var index = range.lowerBound
        while index < range.upperBound {
            offsets.append(UInt32(truncatingIfNeeded: index - base))
            let first = bytes[index]
            if first < 0x80 {
                scalars.append(UInt32(first))
                classes.append(ascii[Int(first)])
                index += 1
            } else {
                let (scalar, length) = Self.decode(bytes, index..<range.upperBound)
                scalars.append(scalar)
                classes.append(ScalarClass(of: scalar))
                index += length
            }
        }
        offsets.append(UInt32(truncatingIfNeeded: range.count))
    }

    /// Where a scalar begins in the bytes this was made from; `index` up to `count`.
    func offset(_ index: Int) -> Int { base + Int(offsets[index]) }

    /// The character at the front of `range`, which is not empty, and how many bytes it takes.
    private static func decode(_ bytes: [UInt8], _ range: Range<Int>) -> (UInt32, Int) {
        let first = bytes[range.lowerBound]
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        guard first >= 0xC2, first <= 0xF4, length <= range.count else { return (0xFFFD, 1) }
        var scalar = UInt32(first) & (0x7F >> UInt32(length))
        for i in 1..<length {
            let byte = bytes[range.lowerBound + i]
            guard byte & 0xC0 == 0x80 else { return (0xFFFD, 1) }
            scalar = scalar << 6 | UInt32(byte & 0x3F)
        }
        return (scalar, length)
    }
}
