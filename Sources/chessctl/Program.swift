internal import ArgumentParser

/// The client and model tools as a program.
package enum ClientProgram {
    static let name = "chessctl"

    /// Whether this process was started under the client's name.
    package static var isCalled: Bool {
        CommandLine.arguments.first?.split(separator: "/").last.map(String.init) == name
    }

    /// Runs with the arguments of this process, and ends it.
    package static func main() async { await Chessctl.main() }
}
