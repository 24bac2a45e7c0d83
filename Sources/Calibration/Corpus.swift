internal import Machine
package import Tokenizer
internal import WeightStore

/// A text as consecutive windows of tokens: what calibration and evaluation run over.
package struct Corpus: Sendable {
    package let path: String
    /// Of the whole file, in hexadecimal.
    package let sha256: String
    /// Each of `window` tokens, in the order of the text.
    package let windows: [[Int32]]

    package var tokenCount: Int { windows.reduce(0) { $0 + $1.count } }

    /// Reads `path`, of which no more is tokenised than `tokens` need. There is no token before the text, and
    /// special tokens in it are plain text.
    ///
    /// - Parameters:
    ///   - tokens: at most that many, in whole windows.
    ///   - window: tokens that see each other; the last, shorter one is left out, but for a text that has no other.
    /// - Throws: `file`, or that the text is empty, binary or too short.
    package init(path: String, tokenizer: Tokenizer, tokens: Int, window: Int) throws(CalibrationError) {
        precondition(tokens > 0 && window > 1, "\(tokens) tokens in windows of \(window)")
        let file: MappedFile
        do { file = try MappedFile(path: path) } catch {
            throw error.isEmptyFile ? .emptyText(path: path) : .file(error)
        }
        self.path = path
        sha256 = Self.hash(file)
        let text = try Self.text(of: file, tokens: tokens)
        let ids = tokenizer.encode(text, addSpecial: false, parseSpecial: false).prefix(max(tokens, window))
        guard ids.count >= Self.fewestTokens else {
            throw .shortText(path: path, tokens: ids.count, needed: Self.fewestTokens)
        }
        guard ids.count >= window else {
            windows = [Array(ids)]
            return
        }
        windows = stride(from: 0, through: ids.count - window, by: window)
            .map { Array(ids[$0..<$0 + window]) }
    }

    /// Windows spread evenly over the corpus, of at most `tokens` together: the front of one when it is longer.
    func sample(tokens: Int) -> [[Int32]] {
        let length = min(windows[0].count, tokens)
        let wanted = max(1, min(windows.count, tokens / length))
        return (0..<wanted).map { Array(windows[$0 * windows.count / wanted].prefix(length)) }
    }

    /// The first windows, up to the one that brings them to `tokens` together.
    func front(tokens: Int) -> some Collection<[Int32]> {
        var count = 0
        return windows.prefix { window in
            defer { count += window.count }
            return count < tokens
        }
    }

    private init(_ whole: Corpus, _ windows: some Collection<[Int32]>) {
        path = whole.path
        sha256 = whole.sha256
        self.windows = Array(windows)
    }

    /// Parts the windows: the last ones, of about `tokens` together, are held out of the first.
    ///
    /// - Throws: `shortText` when there are not two windows.
    package func split(holdingOut tokens: Int) throws(CalibrationError) -> (first: Corpus, heldOut: Corpus) {
        guard windows.count > 1 else {
            throw .shortText(path: path, tokens: tokenCount, needed: 2 * windows[0].count)
        }
        let wanted = (tokens + windows[0].count - 1) / windows[0].count
        let count = min(max(wanted, 1), windows.count - 1)
        return (Corpus(self, windows.dropLast(count)), Corpus(self, windows.suffix(count)))
    }

    /// Less than this says nothing about a model.
    package static let fewestTokens = 64

    private static func hash(_ file: MappedFile) -> String {
        var hash = SHA256()
        for start in stride(from: 0, to: file.byteCount, by: 1 << 20) {
            hash.update(file.bytes(start..<min(start + 1 << 20, file.byteCount)))
        }
        return SHA256.hexadecimal(hash.digest())
    }

    /// The front of the file as text: 16 bytes for each token, where prose has four.
    private static func text(of file: MappedFile, tokens: Int) throws(CalibrationError) -> String {
        let (wanted, overflows) = tokens.multipliedReportingOverflow(by: 16)
        var count = min(file.byteCount, overflows ? .max : max(wanted, 1 << 16))
        var bytes = file.bytes(0..<count)
        if count < file.byteCount {
            // Whole characters: continuation bytes of the last one are taken off, and its first byte.
            while count > 0, bytes[count - 1] & 0xc0 == 0x80 { count -= 1 }
            if count > 0, bytes[count - 1] >= 0xc0 { count -= 1 }
            bytes.removeLast(bytes.count - count)
        }
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
            throw .binaryText(path: file.path)
        }
        return text
    }
}
