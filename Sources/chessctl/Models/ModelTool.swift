internal import ArgumentParser
internal import Calibration
internal import GGUF
internal import Importing
internal import Machine
internal import Tokenizer
internal import WeightStore

/// Why a model tool cannot do what was asked, beyond what the libraries say themselves.
enum ModelToolError: Error, Equatable, CustomStringConvertible {
    case noChatTemplate(path: String)
    case template(path: String, reason: String)
    case tokenizer(path: String, reason: String)
    case messages(reason: String)
    /// A file of measurements that says nothing a report can use.
    case measurements(path: String, reason: String)
    /// No profile is good enough; the reason says how good the best was.
    case outOfBounds(path: String, reason: String)
    /// The target exists and may not be replaced.
    case exists(path: String)

    var description: String {
        switch self {
        case .noChatTemplate(let path):
            "\(path): the model has no chat template; use \"chessctl complete\" with it"
        case .template(let path, let reason): "\(path): chat template: \(reason)"
        case .tokenizer(let path, let reason), .measurements(let path, let reason),
            .outOfBounds(let path, let reason):
            "\(path): \(reason)"
        case .exists(let path):
            "\(path): exists already; choose another name, or replace it with --force"
        case .messages(let reason):
            "standard input: \(reason); send a list of messages, or {\"messages\": [...], \"tools\": [...], "
                + "\"add_generation_prompt\": true}"
        }
    }
}

/// Runs a model tool; its errors become one line on standard error and an exit code of sysexits.h.
func runningModelTool(_ command: String, _ body: () async throws -> Void) async throws {
    do {
        try await exitingOnError(command, body)
    } catch is CancellationError {
        throw ExitCode(ExitCode.interrupted)
    } catch {
        guard let code = modelToolExitCode(error) else { throw error }
        Terminal.note("chessctl \(command): \(error)")
        throw ExitCode(code)
    }
}

/// 64 usage, 65 bad data, 66 no input, 73 cannot create, 74 input or output; `nil` for errors of others.
private func modelToolExitCode(_ error: any Error) -> Int32? {
    switch error {
    case let error as ImportError:
        switch error {
        case .source(let error): modelToolExitCode(error)
        case .store(let error): modelToolExitCode(error)
        case .sameFile: 64
        default: 65
        }
    case let error as GGUFError:
        if case .file = error { 66 } else { 65 }
    case let error as StoreError:
        switch error {
        case .file(let error): fileExitCode(error)
        case .exists, .noFolder: 73
        default: 65
        }
    case let error as ProfileError:
        switch error {
        case .file(let error): fileExitCode(error)
        case .exists, .noFolder: 73
        default: 65
        }
    case let error as CalibrationError:
        switch error {
        case .file(let error): fileExitCode(error)
        case .sparsityOutOfRange: 64
        default: 65
        }
    case let error as ModelToolError: if case .exists = error { 73 } else { 65 }
    case let error as ModelFolderError: error.exitCode
    case let error as FileError: fileExitCode(error)
    default: nil
    }
}

private func fileExitCode(_ error: FileError) -> Int32 {
    switch error.action {
    case "write", "flush": 74
    case "create", "replace", "remove", "change the owner", "change the mode": 73
    default: 66
    }
}
