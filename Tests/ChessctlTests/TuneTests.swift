import ArgumentParser
import Foundation
import Support
import Testing
import WeightStore

@testable import chessctl

/// What `chessctl tune` decides, reads and keeps, without a model.
@Suite struct TuneTests {
    private static func candidate(
        _ sparsity: Double, kl: Double?, rates: [Double], factor: Float = 1, perplexity: Double? = 20
    ) -> TuneCandidate {
        TuneCandidate(
            method: "chess", sparsity: sparsity, absentFactor: factor, divergence: kl,
            perplexity: kl == nil ? nil : perplexity, bytesPerToken: 1e6, rates: rates)
    }

    // MARK: Bounds

    @Test(arguments: [
        ("+5%", PerplexityBound.increase(0.05)), ("+0%", .increase(0)), ("+12.5%", .increase(0.125)),
        ("31.5", .value(31.5)), ("1", .value(1)),
    ])
    func perplexityBoundsAreRead(text: String, bound: PerplexityBound) {
        #expect(PerplexityBound(argument: text) == bound)
    }

    @Test(arguments: [
        "", "+", "%", "+%", "5%", "+5", "-5%", "+-5%", "0.5", "nan", "inf", "0x20", "+5 %", "1e9",
    ])
    func otherPerplexityBoundsAreRefused(text: String) {
        #expect(PerplexityBound(argument: text) == nil)
    }

    /// 5 % over 20 is 21.
    @Test func increaseIsRelativeToDense() {
        let bounds = QualityBounds(divergence: nil, perplexity: .increase(0.05))
        #expect(bounds.admit(divergence: 9, perplexity: 20.9, densePerplexity: 20))
        #expect(!bounds.admit(divergence: 0, perplexity: 21.1, densePerplexity: 20))
    }

    @Test func bothBoundsMustHold() {
        let bounds = QualityBounds(divergence: 0.2, perplexity: .value(30))
        #expect(bounds.admit(divergence: 0.2, perplexity: 30, densePerplexity: 20))
        #expect(!bounds.admit(divergence: 0.21, perplexity: 30, densePerplexity: 20))
        #expect(!bounds.admit(divergence: 0.2, perplexity: 30.1, densePerplexity: 20))
        #expect(!bounds.admit(divergence: .nan, perplexity: 20, densePerplexity: 20))
        #expect(!bounds.admit(divergence: 0.1, perplexity: .nan, densePerplexity: 20))
    }

    @Test func divergenceIsTheBoundWhenNoneIsGiven() throws {
        let plain = try TuneCommand.parse(["m.chess", "--text", "t", "-o", "p"])
        #expect(plain.bounds == QualityBounds(divergence: 0.2, perplexity: nil))
        let other = try TuneCommand.parse([
            "m.chess", "--text", "t", "-o", "p", "--max-perplexity", "+5%",
        ])
        #expect(other.bounds == QualityBounds(divergence: nil, perplexity: .increase(0.05)))
    }

    @Test(arguments: [
        ["--max-kl", "0"], ["--max-kl", "nan"], ["--methods", "none"], ["--methods", "chess,chess"],
        ["--methods", "chess,"], ["--sparsities", "0.5,0.5"], ["--sparsities", "1"], ["--sparsities", "0"],
        ["--tokens", "1"], ["--rounds", "0"], ["--report", "p"], ["--memory", "lots"],
    ])
    func contradictionsAreUsageErrors(arguments: [String]) {
        #expect(throws: (any Error).self) {
            try TuneCommand.parse(["m.chess", "--text", "t", "-o", "p"] + arguments)
        }
    }

    @Test func sparsitiesAreSorted() {
        #expect(SparsityList(argument: "0.7,0.3")?.values == [0.3, 0.7])
    }

    // MARK: Choice

    private let bounds = QualityBounds(divergence: 0.2, perplexity: nil)

    @Test func fastestWithinTheBoundIsTaken() {
        let candidates = [
            Self.candidate(0.3, kl: 0.05, rates: [10, 11, 12]),
            Self.candidate(0.5, kl: 0.19, rates: [14, 13, 1]),
            Self.candidate(0.7, kl: 0.21, rates: [99, 99, 99]),
        ]
        #expect(TuneChoice.fastest(candidates, bounds, densePerplexity: 20) == 1)
    }

    @Test func betterOfEquallyFastIsTaken() {
        let candidates = [
            Self.candidate(0.5, kl: 0.19, rates: [12]), Self.candidate(0.3, kl: 0.05, rates: [12]),
        ]
        #expect(TuneChoice.fastest(candidates, bounds, densePerplexity: 20) == 1)
    }

    @Test func unknownQualityIsNotTaken() {
        let known = Self.candidate(0.5, kl: 0.1, rates: [12])
        var unknown = Self.candidate(0.5, kl: nil, rates: [15], factor: 2)
        #expect(TuneChoice.fastest([known, unknown], bounds, densePerplexity: 20) == 0)
        unknown.divergence = 0.15
        unknown.perplexity = 25
        #expect(TuneChoice.fastest([known, unknown], bounds, densePerplexity: 20) == 1)
    }

    @Test func greatestFactorIsFoundInFewQuestions() {
        for last in 0...6 {
            for admitted in 0...last {
                var asked: [Int] = []
                let found = TuneChoice.greatest(upTo: last) { index in
                    asked.append(index)
                    return index <= admitted
                }
                #expect(found == admitted)
                // 0 is known to be admitted, and nothing is asked twice.
                #expect(!asked.contains(0) && Set(asked).count == asked.count && asked.count <= 3)
            }
        }
    }

    @Test func nothingIsTakenBeyondTheBoundOrUntimed() {
        let candidates = [
            Self.candidate(0.5, kl: 0.3, rates: [12]), Self.candidate(0.3, kl: 0.1, rates: []),
        ]
        #expect(TuneChoice.fastest(candidates, bounds, densePerplexity: 20) == nil)
        #expect(TuneChoice.fastest([], bounds, densePerplexity: 20) == nil)
    }

    /// KL 0.1 and 0.05 more by stepping; a factor that steps better than none is not credited with it.
    @Test func factorAddsWhatSteppingFound() {
        var plain = Self.candidate(0.5, kl: 0.1, rates: [])
        (plain.steppedDivergence, plain.steppedLoss) = (0.15, 3)
        var factor = Self.candidate(0.5, kl: nil, rates: [], factor: 2)
        factor.derive(from: plain)
        #expect(factor.divergence == nil)
        (factor.steppedDivergence, factor.steppedLoss) = (0.25, 3)
        factor.derive(from: plain)
        #expect(abs((factor.divergence ?? 0) - 0.2) < 1e-12)
        #expect(factor.perplexity == 20)
        factor.steppedDivergence = 0.05
        factor.derive(from: plain)
        #expect(factor.divergence == 0.1)
    }

    // MARK: State

    private static func key(tokens: Int = 4096) -> TuneState.Key {
        TuneState.Key(
            program: "1", storeIdentity: "store", corpusSHA256: "text", tokens: tokens, heldOutTokens: 1024,
            context: 512, decodedTokens: 64, budget: nil, storageRate: nil, headCandidates: 0, threads: 2,
            kernels: "neon",
            cacheFormat: "f16")
    }

    private static var state: TuneState {
        var state = TuneState(key: key())
        state.denseRates = [9.5]
        state.candidates = [
            candidate(0.3, kl: 0.05, rates: [10, 11]), candidate(0.3, kl: nil, rates: [], factor: 2),
        ]
        return state
    }

    @Test func stateComesBackWhole() throws {
        try withTemporaryDirectory { folder in
            try Self.state.write(to: folder + "/p.partial")
            let (state, note) = TuneState.resumed(path: folder + "/p.partial", key: Self.key())
            #expect(state == Self.state)
            #expect(note == nil)
        }
    }

    @Test func missingStateIsSilentlyNew() throws {
        try withTemporaryDirectory { folder in
            let (state, note) = TuneState.resumed(path: folder + "/p.partial", key: Self.key())
            #expect(state == TuneState(key: Self.key()))
            #expect(note == nil)
        }
    }

    @Test func foreignStateIsIgnoredWithANote() throws {
        try withTemporaryDirectory { folder in
            let path = folder + "/p.partial"
            try Self.state.write(to: path)
            let (state, note) = TuneState.resumed(path: path, key: Self.key(tokens: 2048))
            #expect(state == TuneState(key: Self.key(tokens: 2048)))
            #expect(
                note
                    == "\(path): left by a run over another model or text, or with other options; begins anew"
            )
        }
    }

    /// Cut at every byte, and with figures that cannot be.
    @Test func damagedStateIsIgnoredWithANote() throws {
        try withTemporaryDirectory { folder in
            let path = folder + "/p.partial"
            try Self.state.write(to: path)
            let bytes = Array(try String(contentsOfFile: path, encoding: .utf8).utf8)
            var damaged = (0..<bytes.count).map { Array(bytes.prefix($0)) }
            var state = Self.state
            state.candidates[0].rates = [-1]
            try state.write(to: path)
            damaged.append(Array(try String(contentsOfFile: path, encoding: .utf8).utf8))
            for bytes in damaged {
                try write(bytes, to: path)
                let (state, note) = TuneState.resumed(path: path, key: Self.key())
                #expect(state == TuneState(key: Self.key()))
                #expect(note == "\(path): damaged, or not a state of tune; begins anew")
            }
        }
    }

    // MARK: Page

    @Test func pageMarksTheChoiceAndEscapesNames() {
        func row(_ sparsity: Double, _ kl: Double, _ rate: Double?, chosen: Bool) -> TuneReport.Candidate {
            .init(
                method: "chess", sparsity: sparsity, absentFactor: 1, kl: kl, perplexity: 21,
                bytesPerToken: 8e7, tokensPerSecond: rate, storageBytesPerToken: nil,
                isWithinBounds: rate != nil, isChosen: chosen)
        }
        let report = TuneReport(
            path: "p.profile", model: "<tiny>", text: "/data/corpus.txt", textSha256: "ab",
            calibrationTokens: 4096, heldOutTokens: 1024, context: 512, memoryBudgetBytes: nil,
            bounds: "KL 0.2", maxKl: 0.2, maxPerplexity: nil,
            board: .init(
                kernels: "neon", threads: 4, cores: 4, readBandwidthBytesPerSecond: 3e9,
                weightBytesPerSecond: 2e9),
            dense: .init(perplexity: 20, bytesPerToken: 1e8, tokensPerSecond: 10),
            candidates: [
                row(0.3, 0.05, 11, chosen: false), row(0.5, 0.15, 12.3, chosen: true),
                row(0.7, 0.6, nil, chosen: false),
            ], seconds: 1)
        let page = TunePage(report: report).html.markup
        #expect(!page.contains("<tiny>"))
        #expect(page.contains("<h1>Tuning of &lt;tiny&gt;</h1>"))
        #expect(page.contains("chess 0.5: 12.3 tokens/s, KL 0.1500"))
        // In the chart of speed and in that of bytes.
        #expect(
            page.split(separator: "<g class=\"rings\"><circle", omittingEmptySubsequences: false).count == 3)
        #expect(!page.contains("http://") && !page.contains("<script"))
        let lines = report.table.split(separator: "\n").filter { $0.contains("<- chosen") }
        #expect(lines.count == 1 && lines.allSatisfy { $0.hasPrefix("chess 0.5") })
    }
}
