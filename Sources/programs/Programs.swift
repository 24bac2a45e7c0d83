internal import chessctl
internal import chessd

/// The daemon, or its client when started as `chessctl`.
///
/// Apart the two took 46 MB on a board's disk, most of it the same Swift runtime; as one they take 26, and the
/// kernel keeps that runtime in memory once while both run.
@main
struct Programs {
    static func main() async {
        if ClientProgram.isCalled { await ClientProgram.main() } else { await DaemonProgram.main() }
    }
}
