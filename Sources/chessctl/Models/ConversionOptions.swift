internal import ArgumentParser
internal import Importing
internal import Machine
internal import WireAPI

/// How a GGUF file is converted, for the commands that do it.
struct ConversionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "auto compresses what is read sooner that way by 5 % or more; none; zstd or zstd:LEVEL (1 to 19) everything.",
            valueName: "choice"))
    var compression = "auto"

    @Option(
        help: ArgumentHelp(
            "What auto takes the board's storage to read, in bytes per second, such as 90M for an SD card; auto takes "
                + "what the source's does.", valueName: "rate"))
    var storageReadRate = StorageRate.auto

    @Flag(
        help: ArgumentHelp(
            "Leave out the bounds of the head, a third of its size, by which rows that cannot hold the likeliest word "
                + "are not read."))
    var noHeadBounds = false

    @Option(help: "Threads that convert. Default: one per processor.")
    var threads: Int?

    func validate() throws {
        if Compression(compression) == nil {
            throw ValidationError(
                "--compression is \"\(compression)\"; use auto, none, zstd or zstd:LEVEL from 1 to 19")
        }
        if let threads, !(1...256).contains(threads) {
            throw ValidationError("--threads is \(threads), it must be from 1 to 256")
        }
    }

    /// Makes `target` of `source` under a progress bar; Ctrl-C ends it and leaves nothing.
    func convert(_ source: String, to target: String, overwrite: Bool) async throws -> ImportReport {
        let bar = ProgressBar()
        defer { bar.clear() }
        let choice = Compression(compression) ?? .auto
        let threads = threads ?? Cores.recommendedThreads
        // Only auto asks for it.
        let rate =
            choice == .auto
            ? try storageReadRate.given ?? StorageSpeed(ofFile: source).bytesPerSecond : nil
        return try await InterruptWatch.watching { watch in
            try await watch.cancelling {
                try await Importer.run(
                    source: source, target: target, compression: choice, storageRate: rate,
                    overwrite: overwrite, threads: threads, headBounds: !noHeadBounds,
                    importer: "chessctl \(Version.current)",
                    progress: { bar.update(bytesDone: $0.bytesDone, bytesTotal: $0.bytesTotal) })
            }
        }
    }
}
