internal import ArgumentParser
internal import Machine
internal import WeightStore

/// `chessctl verify`: reads everything and compares every checksum.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every byte of a .chess file.",
        discussion: """
            Compares the checksum of every part and every frame, and decompresses what is compressed.

              chessctl verify models/NAME.chess && echo sound

            Exit codes: 0 all is well, 1 there are bad frames, each on a line of its own, 65 the file cannot be \
            read at all, 66 there is no such file.
            """)

    @Argument(help: "The model, a .chess file.", completion: .file(extensions: ["chess"]))
    var file: String

    @Option(help: "Threads that read. Default: one per processor.")
    var threads: Int?

    func validate() throws {
        if let threads, !(1...256).contains(threads) {
            throw ValidationError("--threads is \(threads), it must be from 1 to 256")
        }
    }

    func run() async throws {
        try await runningModelTool("verify") {
            let start = ProcessFacts.monotonicNanoseconds
            let store = try StoreInspection(path: file)
            let bar = ProgressBar()
            let total = store.segments.reduce(0) { $0 + $1.storedBytes }
            let faults = store.faults(threads: threads ?? Cores.recommendedThreads) { done in
                bar.update(bytesDone: done, bytesTotal: total)
            }
            bar.clear()
            for fault in faults { Terminal.note("chessctl verify: \(fault)") }
            let frames = store.segments.reduce(0) { $0 + $1.frames.count }
            guard faults.isEmpty else {
                try Terminal.write("\(file): \(faults.count) bad of \(frames) frames\n")
                throw ExitCode(1)
            }
            let seconds = Double(ProcessFacts.monotonicNanoseconds - start) / 1e9
            try Terminal.write(
                "\(file): sound, \(frames) frames in \(store.segments.count) segments, "
                    + "\(Readable.megabytes(store.fileBytes)) MB in \(Readable.fixed(seconds, 2)) s\n")
        }
    }
}
