internal import NIOPosix
internal import SystemPackage

internal import func Glibc.isatty

/// The process's own standard streams.
enum Terminal {
    static var isInteractive: Bool { isatty(0) == 1 && isatty(1) == 1 }
    static var outputIsTerminal: Bool { isatty(1) == 1 }
    static var inputIsTerminal: Bool { isatty(0) == 1 }

    /// Writes at once, so that a stream shows each token.
    ///
    /// - Throws: `OutputClosed` when the reader has gone, as with `| head -1`.
    static func write(_ text: String) throws {
        do {
            try FileDescriptor.standardOutput.writeAll(text.utf8)
        } catch {
            throw OutputClosed()
        }
    }

    static func faint(_ text: String) -> String { "\u{1B}[2m\(text)\u{1B}[22m" }

    /// Says something beside the output; nobody is left to tell when that does not work.
    static func note(_ text: String) {
        _ = try? FileDescriptor.standardError.writeAll((text + "\n").utf8)
    }

    /// The next line a person types, without its end; `nil` after Ctrl-D.
    static func readLine() async throws -> String? {
        try await NIOThreadPool.singleton.runIfActive { Swift.readLine() }
    }

    /// All of standard input.
    static func readAll(limit: Int) async throws -> String {
        try await NIOThreadPool.singleton.runIfActive {
            var text = ""
            while let line = Swift.readLine(strippingNewline: false) {
                text += line
                guard text.utf8.count <= limit else { throw ClientError.inputTooLarge(limit: limit) }
            }
            return text
        }
    }
}

/// Whoever read our output has closed it.
struct OutputClosed: Error {}
