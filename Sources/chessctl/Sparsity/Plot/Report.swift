internal import WeightStore
internal import WireAPI

/// A page about sparsity profiles of one model: HTML that needs nothing beside itself.
///
/// The same input makes the same bytes: the page knows no clock, and everything is in the order it was given.
struct Report {
    struct Profile {
        var name: String
        var profile: SparsityProfile
    }

    let model: ReportedModel
    let profiles: [Profile]
    let evaluation: Evaluation?
    let benchmark: Benchmark?
    /// What makes the measurements when they are not there.
    let commands: MeasurementCommands

    /// - Throws: when a measurement is of another model, or of another profile of the same name.
    init(
        model: ReportedModel, profiles: [Profile], evaluation: Evaluation?, benchmark: Benchmark?,
        commands: MeasurementCommands
    ) throws(ModelToolError) {
        self.model = model
        self.profiles = profiles
        self.evaluation = evaluation
        self.benchmark = benchmark
        self.commands = commands
        if let evaluation {
            try check(evaluation.path, model: evaluation.model, evaluation.profiles.map(\.label))
            for profile in evaluation.profiles {
                for (site, layers) in profile.layers.sorted(by: { $0.key < $1.key })
                where layers.count != model.facts.layers {
                    throw .measurements(
                        path: evaluation.path,
                        reason: "\(profile.label.name) has \(layers.count) layers at \(site), the model has "
                            + "\(model.facts.layers); measure again")
                }
            }
        }
        if let benchmark {
            try check(benchmark.path, model: benchmark.model, benchmark.profiles.map(\.label))
        }
    }

    private func check(
        _ path: String, model name: String, _ measured: [MeasuredProfile]
    ) throws(ModelToolError) {
        guard name == model.facts.name else {
            throw .measurements(
                path: path, reason: "measured \(name), the store is \(model.facts.name); measure this model")
        }
        for measured in measured {
            guard let given = profiles.first(where: { $0.name == measured.name })?.profile else { continue }
            guard given.method == measured.method, given.sparsity == measured.sparsity else {
                throw .measurements(
                    path: path,
                    reason:
                        "its \(measured.name) is \(measured.method) at \(measured.sparsity), the profile is "
                        + "\(given.method) at \(given.sparsity); measure again")
            }
        }
    }

    var html: HTMLText {
        HTMLPage.html(
            title: "Sparsity of \(model.facts.name)",
            """
            \(HeadSection(report: self).html)
            \(TradeOffSection(report: self).html)
            \(sites)
            <footer>Made by chessctl plot \(Version.current).</footer>
            """)
    }

    private var sites: HTMLText {
        let sites = SparsitySite.allCases.filter { site in profiles.contains { $0.profile.sites[site] != nil }
        }
        let key: HTMLText = """
            Limits decide which channels a layer leaves out; with one limit per channel, the line is their median and \
            the band reaches from the 10th to the 90th percentile. Of the share left out, the line is what was \
            measured on the calibration text, dashed what was meant\
            \(evaluation == nil ? "" : ", and hollow marks what was measured on the evaluation text").
            """
        return """
            <section>
            <h2>Layers</h2>
            <p class="prose">\(sites.isEmpty ? "These profiles leave nothing out." : key)</p>
            \(sites.map { SiteSection(report: self, site: $0).html })
            </section>
            """
    }
}

/// The model of a report.
struct ReportedModel {
    var facts: ProfiledModel
    /// The store's, without folders.
    var fileName: String
    /// The GGUF file's, without folders.
    var sourceName: String
}

/// The commands that measure the profiles of a report.
struct MeasurementCommands {
    var evaluate: String
    var bench: String

    init(model: String, profiles: [String]) {
        let named = profiles.map { "--profile \(Self.quoted($0))" }
        func command(_ parts: [String]) -> String { parts.joined(separator: " \\\n  ") }
        evaluate = command(
            ["chessctl eval \(Self.quoted(model)) --text other.txt"] + named + ["--json > eval.json"])
        bench = command(["chessctl bench \(Self.quoted(model))"] + named + ["--json > bench.json"])
    }

    /// As a shell reads it back.
    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "/._-+:@,%".utf8.contains(byte)
            }
        }
        if isPlain, !word.isEmpty { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#)
            + "'"
    }
}
