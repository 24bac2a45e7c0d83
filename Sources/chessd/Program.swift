internal import ArgumentParser

/// The daemon as a program.
package enum DaemonProgram {
    /// Runs with the arguments of this process, and ends it.
    package static func main() async { await Chessd.main() }
}
