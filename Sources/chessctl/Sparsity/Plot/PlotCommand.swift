internal import ArgumentParser
internal import FoundationEssentials
internal import Machine
internal import WeightStore

/// `chessctl plot`: a page that shows what profiles do and what they cost.
struct PlotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plot",
        abstract: "Draw sparsity profiles as a page of HTML.",
        discussion: """
            Limits and the share left out layer by layer, and, from the files that eval and bench make, quality \
            and speed over the bytes a token reads. The page is one file, needs no network and runs no scripts. \
            Reads no weights; the same input makes the same page.

              chessctl plot m.chess --profile m.profile -o report.html
              chessctl plot m.chess -p a.profile -p b.profile -o report.html

              chessctl eval m.chess --text other.txt -p a.profile --json > e.json
              chessctl bench m.chess -p a.profile --json > b.json
              chessctl plot m.chess -p a.profile --eval e.json --bench b.json -o report.html

            What eval and bench measured beside the given profiles is drawn in grey.

            Exit codes: 64 usage, 65 a model, profile or measurement that is no use, 66 no such file, 73 cannot \
            create the page, 74 cannot write it.
            """)

    @Argument(help: "The model, a .chess file.", completion: .file(extensions: ["chess"]))
    var model: String

    @Option(
        name: [.customShort("p"), .customLong("profile")],
        help: "A profile made by chessctl calibrate; may be given up to \(Mark.colorCount) times.",
        completion: .file(extensions: ["profile"]))
    var profiles: [String]

    @Option(help: "What chessctl eval --json wrote.", completion: .file(extensions: ["json"]))
    var eval: String?

    @Option(help: "What chessctl bench --json wrote.", completion: .file(extensions: ["json"]))
    var bench: String?

    @Option(name: [.short, .long], help: "The page to write.", completion: .file(extensions: ["html"]))
    var output: String

    @Flag(help: "Replace the output when it exists.")
    var force = false

    func validate() throws {
        guard profiles.count <= Mark.colorCount else {
            throw ValidationError(
                "--profile is given \(profiles.count) times, more than \(Mark.colorCount) are hard to tell apart"
            )
        }
        let names = profiles.map(SparsityProfile.name(ofFile:))
        if let twice = names.enumerated().first(where: { names[..<$0].contains($1) })?.element {
            throw ValidationError(
                "--profile \(twice) is there twice; eval and bench know profiles by their names")
        }
        func real(_ path: String) -> String { URL(filePath: path).resolvingSymlinksInPath().path }
        let inputs = [model] + profiles + [eval, bench].compactMap(\.self)
        if let same = inputs.first(where: { real($0) == real(output) }) {
            throw ValidationError("--output \(output) is the input \(same); choose another name for the page")
        }
    }

    func run() async throws {
        try await runningModelTool("plot") {
            if !force, FileNames.exists(output) { throw ModelToolError.exists(path: output) }
            let metadata = try StoreInspection(path: model).metadata
            let facts = ProfiledModel(metadata)
            let report = try Report(
                model: ReportedModel(
                    facts: facts, fileName: FileNames.last(model),
                    sourceName: metadata.provenance.sourceName),
                profiles: try profiles.map { path in
                    let profile = try SparsityProfile(path: path)
                    try profile.check(fits: facts, of: model, path: path)
                    return Report.Profile(name: SparsityProfile.name(ofFile: path), profile: profile)
                },
                evaluation: try eval.map(Evaluation.init(path:)),
                benchmark: try bench.map(Benchmark.init(path:)),
                commands: MeasurementCommands(model: model, profiles: profiles))
            var file = try AtomicFile(path: output)
            try file.append(Array(report.html.markup.utf8))
            try file.commit()
        }
    }
}
