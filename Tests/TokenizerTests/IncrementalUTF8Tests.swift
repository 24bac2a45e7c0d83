import Testing

@testable import Tokenizer

@Suite struct IncrementalUTF8Tests {
    @Test func holdsBackAnUnfinishedCharacter() {
        var stream = IncrementalUTF8()
        #expect(stream.append([0x61, 0xF0]) == "a")
        #expect(stream.append([0x9F]) == "")
        #expect(stream.append([0x99]) == "")
        #expect(stream.append([0x82, 0x62]) == "🙂b")
        #expect(stream.flush() == "")
    }

    @Test func flushRepairsWhatIsLeft() {
        var stream = IncrementalUTF8()
        #expect(stream.append([0xE4, 0xB8]) == "")
        #expect(stream.flush() == "\u{FFFD}")
        #expect(stream.flush() == "")
        #expect(stream.append([0x61]) == "a")
    }

    /// None of these can become a character, so none is held back: continuation bytes alone, overlong
    /// forms, surrogates, beyond U+10FFFF, bytes UTF-8 never uses.
    @Test(
        arguments: [
            [0x80], [0xBF, 0xBF], [0xC0], [0xC1, 0x81], [0xE0, 0x9F], [0xED, 0xA0], [0xF0, 0x8F],
            [0xF4, 0x90],
            [0xF5], [0xFF], [0xC3, 0x28],
        ] as [[UInt8]])
    func hopelessBytesAreShownAtOnce(bytes: [UInt8]) {
        var stream = IncrementalUTF8()
        #expect(stream.append(bytes) == String(decoding: bytes, as: UTF8.self))
        #expect(stream.flush() == "")
    }

    @Test(arguments: 0..<60) func piecesJoinToTheWhole(seed: UInt64) {
        var random = SplitMix(state: seed)
        let interesting: [UInt8] = [
            0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4,
            0xF5,
        ]
        let bytes = (0..<200).map { _ in interesting.randomElement(using: &random) ?? 0 }
        var stream = IncrementalUTF8()
        var text = ""
        var start = 0
        while start < bytes.count {
            let end = min(start + Int.random(in: 1...5, using: &random), bytes.count)
            text += stream.append(bytes[start..<end])
            start = end
        }
        text += stream.flush()
        #expect(Array(text.unicodeScalars) == Array(String(decoding: bytes, as: UTF8.self).unicodeScalars))
    }

    /// At most three bytes wait, whatever came before.
    @Test(arguments: 0..<20) func neverHoldsMoreThanThreeBytes(seed: UInt64) {
        var random = SplitMix(state: seed)
        var stream = IncrementalUTF8()
        for _ in 0..<200 {
            _ = stream.append([UInt8.random(in: 0x80...0xFF, using: &random)])
            var copy = stream
            #expect(copy.flush().unicodeScalars.count <= 3)
        }
    }
}
