/// Turns a stream of bytes into text and holds back the bytes of an unfinished character, at most
/// three, so that a reader never sees half of one.
///
/// Bytes that cannot become a character are shown as U+FFFD at once, one per maximal subpart, so the
/// pieces joined equal `String(decoding:as:)` of all the bytes joined.
/// Source: Unicode 16, section 3.9, table 3-7.
package struct IncrementalUTF8: Sendable {
    private var pending: [UInt8] = []

    package init() {}

    /// The text that `bytes` complete; what follows the last complete character stays here.
    package mutating func append(_ bytes: some Sequence<UInt8>) -> String {
        pending.append(contentsOf: bytes)
        let complete = pending.count - unfinishedCount
        guard complete > 0 else { return "" }
        let text = String(decoding: pending[..<complete], as: UTF8.self)
        pending.removeFirst(complete)
        return text
    }

    /// What is still held back, repaired; call it at the end of the stream.
    package mutating func flush() -> String {
        defer { pending.removeAll() }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end begin a character that more bytes could finish: 0...3.
    private var unfinishedCount: Int {
        for count in 1...3 where count <= pending.count {
            let lead = pending[pending.count - count]
            if lead & 0xC0 == 0x80 { continue }
            let second: UInt8? = count > 1 ? pending[pending.count - count + 1] : nil
            return Self.length(lead: lead, second: second) > count ? count : 0
        }
        return 0
    }

    /// The length of the character that starts so, 1 when none does.
    private static func length(lead: UInt8, second: UInt8?) -> Int {
        let (length, allowed): (Int, ClosedRange<UInt8>) =
            switch lead {
            case 0xC2...0xDF: (2, 0x80...0xBF)
            case 0xE0: (3, 0xA0...0xBF)
            case 0xED: (3, 0x80...0x9F)
            case 0xE1...0xEF: (3, 0x80...0xBF)
            case 0xF0: (4, 0x90...0xBF)
            case 0xF1...0xF3: (4, 0x80...0xBF)
            case 0xF4: (4, 0x80...0x8F)
            default: (1, 0x80...0xBF)
            }
        guard let second else { return length }
        return allowed.contains(second) ? length : 1
    }
}
