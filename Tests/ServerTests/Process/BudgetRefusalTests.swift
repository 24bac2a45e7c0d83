import Foundation
import Support
import Testing

/// What is wrong with a budget, or with what is used within one, ends the programs with one clear line.
@Suite(.timeLimit(.minutes(2))) struct BudgetRefusalTests {
    private struct Case {
        var program = "chessctl"
        var arguments: [String]
        var code: Int32
        /// In the first line of standard error.
        var words: [String]
        var shell = ""

        init(_ arguments: [String], _ code: Int32, _ words: String...) {
            self.arguments = arguments
            self.code = code
            self.words = words
        }
    }

    /// Each ends as it should, says why in one line, and leaves every file as it was.
    private func check(_ cases: [Case], _ model: BudgetedModel) async throws {
        let before = try model.contents()
        for each in cases {
            let name = "\(each.program) \(each.arguments.joined(separator: " "))"
            let end = try await model.run(each.program, each.arguments, shell: each.shell)
            #expect(end.code == each.code, "\(name): \(end.errors)")
            let first = end.lines.first ?? ""
            for words in each.words { #expect(first.contains(words), "\(name): \(end.errors)") }
            // The parser of options adds how they are used.
            #expect(each.code == 64 ? end.lines.count > 1 : end.lines.count == 1, "\(name): \(end.errors)")
            let after = try model.contents()
            #expect(Set(after.keys) == Set(before.keys), "\(name)")
            #expect(after == before, "\(name)")
        }
    }

    private func damage(_ source: String, to target: String, _ change: (inout Data) -> Void) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: source))
        change(&bytes)
        try bytes.write(to: URL(fileURLWithPath: target))
    }

    @Test func daemonSaysWhyItDoesNotStart() async throws {
        try await BudgetedModel.with { model in
            let (cut, torn) = (model.folder + "/cut.profile", model.folder + "/torn.chess")
            try damage(model.profile, to: cut) { $0.removeLast($0.count / 2) }
            try damage(model.store, to: torn) { $0.replaceSubrange(0..<8, with: Data("CHESSWT?".utf8)) }
            let floor = try await model.floor(["--threads", "1"])
            func start(_ budget: String, _ more: [String] = [], store: String? = nil) -> [String] {
                ["--model", store ?? model.store, "--socket", model.folder + "/s", "--threads", "1"]
                    + ["--memory-budget=\(budget)"] + more
            }
            let (enough, number) = ("\(floor + 1)M", "a number of bytes such as 700M")
            var cases = ["0", "-5", "abc"].map { text in
                Case(start(text), 78, "chessd: --memory-budget: memory-budget is \"\(text)\"", number)
            }
            cases += [
                Case(start("1"), 65, model.store, " MiB must be in memory, the budget is 1 MiB"),
                Case(start("10M"), 65, "MiB must be in memory, the budget is 10 MiB; lower --context"),
                // Named before the budget, which may be too small for it.
                Case(
                    start("10M", ["--profile", model.foreignProfile]), 65, model.foreignProfile, "made for"),
                Case(start(enough, ["--profile", model.foreignProfile]), 65, "made for", model.store),
                Case(start(enough, ["--profile", cut]), 65, cut, "bytes long, its header says"),
                Case(start(enough, store: model.folder + "/none.chess"), 66, "/none.chess: no such file"),
                Case(start(enough, store: torn), 65, torn, "the first 8 bytes are not"),
                Case(
                    start(enough, ["--weights", "mapped"]), 65, "\(floor + 1) MiB, so they cannot be mapped"),
            ]
            for index in cases.indices { cases[index].program = "chessd" }
            try await check(cases, model)
            // The number it names is enough, but for what the allocator does differently each time.
            let least = try await model.floor(["--threads", "1"])
            #expect(abs(least - floor) <= 1)
        }
    }

    @Test func benchRefusesNonsense() async throws {
        try await BudgetedModel.with { model in
            func bench(_ more: String...) -> [String] { ["bench", model.store, "--runs", "1"] + more }
            try await check(
                [
                    Case(bench("--read-gap=-1"), 64, "--read-gap is -1, it must be from 0 to"),
                    Case(bench("--absent-factor", "0"), 64, "--absent-factor is 0.0", "from 1 to 100"),
                    Case(bench("--absent-factor", "nan"), 64, "--absent-factor is nan", "from 1 to 100"),
                    Case(bench("--absent-factor", "1000"), 64, "--absent-factor is 1000.0"),
                    Case(bench("--memory-budget", "0"), 64, "--memory-budget"),
                    Case(bench("--memory-budget", "10M"), 65, "MiB must be in memory, the budget is 10 MiB"),
                    Case(
                        bench("--memory-budget", "10M", "--profile", model.foreignProfile), 65, "made for"),
                ], model)
        }
    }

    @Test func tuneRefusesWhatItCannotUse() async throws {
        try await BudgetedModel.with { model in
            let (empty, binary) = (model.folder + "/empty", model.folder + "/binary")
            try write([], to: empty)
            try write([0x61, 0, 0xFF, 0x61], to: binary)
            func tune(_ text: String, _ more: String..., output: String = "/o.profile") -> [String] {
                let sizes = ["--tokens", "64", "--held-out", "64", "--context", "64", "--sparsities", "0.5"]
                return [
                    "tune", model.store, "--text", text, "-o",
                    output.hasPrefix("/proc") ? output : model.folder + output,
                ]
                    + sizes + more
            }
            try await check(
                [
                    Case(tune(empty), 65, "chessctl tune: \(empty): the file is empty"),
                    Case(tune(binary), 65, "chessctl tune: \(binary): not UTF-8 text"),
                    Case(tune(model.folder + "/none"), 66, "/none: cannot open: no such file"),
                    Case(tune(model.text, "--max-kl=-1"), 64, "--max-kl is -1.0, it must be more than 0"),
                    // Both bind.
                    Case(
                        tune(model.text, "--max-kl", "1e-12", "--max-perplexity", "1000%"), 64,
                        "--max-perplexity"),
                    Case(
                        tune(model.text, "--max-kl", "1e-12", "--max-perplexity", "+1000%"), 65,
                        "nothing tried is within KL 1e-12 and perplexity +1000 %"),
                    Case(tune(model.text, output: "/proc/o.profile"), 73, "/proc/o.profile: cannot create"),
                    Case(tune(model.text, output: "/none/o.profile"), 73, "there is no folder"),
                    Case(
                        tune(model.text, "--memory", "10M"), 65, "MiB must be in memory, the budget is 10 MiB"
                    ),
                ], model)
        }
    }

    @Test func arrangeRefusesWhatItCannotUse() async throws {
        try await BudgetedModel.with { model in
            func arrange(_ output: String, _ profile: String? = nil) -> [String] {
                ["arrange", model.store, "--profile", profile ?? model.profile, "--text", model.text]
                    + ["--tokens", "64", "-o", output]
            }
            let target = model.folder + "/a.chess"
            var full = Case(arrange(target), 74, "\(target).partial-", ": cannot write: ")
            // A limit on the length of files, in 512 bytes, stands for a full disk.
            full.shell = "trap '' XFSZ; ulimit -f 2000; "
            try await check(
                [
                    Case(arrange(target, model.foreignProfile), 65, model.foreignProfile, "made for"),
                    Case(arrange(model.store), 73, "\(model.store): exists already"),
                    full,
                    Case(arrange("/proc/a.chess"), 73, "/proc/a.chess: cannot create"),
                    Case(arrange(model.folder + "/none/a.chess"), 73, "there is no folder"),
                ], model)
            #expect(try await model.run("chessctl", arrange(target)).code == 0)
            #expect(try await model.run("chessctl", ["verify", target]).code == 0)
        }
    }
}
