internal import ArgumentParser

/// Runs a client command; its errors become one line on standard error and an exit code.
func exitingOnError(_ command: String, _ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let error as ClientError {
        Terminal.note("chessctl \(command): \(error)")
        throw ExitCode(error.exitCode)
    } catch is OutputClosed {
        throw ExitCode(ExitCode.outputClosed)
    }
}

extension ExitCode {
    /// What a shell reports for a program ended by Ctrl-C.
    static let interrupted: Int32 = 130
    /// What a shell reports for a program that writes to nobody.
    static let outputClosed: Int32 = 141
}
