import ArgumentParser
import Support
import Testing
import WeightStore

@testable import chessctl

/// What `chessctl plot` refuses.
@Suite struct MeasurementTests {
    private static let advice = "; give what \"chessctl eval --json\" wrote"

    @Test(arguments: [
        ("", "not JSON, line 1, column 1: the text is empty, expected a JSON value"),
        ("[]", "it is a list, an object is needed"),
        ("{}", "model is missing, a string is needed"),
        (evaluation.replacing("512", with: "\"many\""), "tokens is a string, a count is needed"),
        (evaluation.replacing("0.22184", with: "true"), "profiles[0].kl is a boolean, a number is needed"),
        (evaluation.replacing("0.7168", with: "7"), "profiles[0].agreement is 7.0, from 0 to 1 makes sense"),
        (
            evaluation.replacing("0.222,", with: "1e300,"),
            "profiles[0].sites[0].layers[1] is 1e+300, from 0 to 1 makes sense"
        ),
        (
            evaluation.replacing("\"sites\": []", with: "\"sites\": [3]"),
            "profiles[1].sites[0] is an integer, an object is needed"
        ),
    ])
    func uselessMembersAreNamed(text: String, reason: String) {
        #expect(throws: ModelToolError.measurements(path: "e.json", reason: reason + Self.advice)) {
            try report(eval: text)
        }
    }

    @Test func measurementOfAnotherModelIsRefused() {
        #expect(
            throws: ModelToolError.measurements(
                path: "b.json", reason: "measured huge, the store is tiny; measure this model")
        ) { try report(bench: benchmark.replacing("tiny", with: "huge")) }
    }

    @Test func measurementOfAnotherProfileIsRefused() {
        #expect(
            throws: ModelToolError.measurements(
                path: "b.json",
                reason: "its half is tuned at 0.5, the profile is chess at 0.5; measure again")
        ) { try report(bench: benchmark.replacing("\"chess\"", with: "\"tuned\"")) }
    }

    @Test func measurementOfOtherLayersIsRefused() {
        #expect(
            throws: ModelToolError.measurements(
                path: "e.json",
                reason: "half has 2 layers at query-input, the model has 3; measure again")
        ) { try report(eval: evaluation.replacing("0.111, ", with: "")) }
    }

    @Test func existingPageIsKept() async throws {
        try await withTemporaryDirectory { folder in
            let page = folder + "/report.html"
            try write(Array("mine".utf8), to: page)
            let command = try PlotCommand.parse(["m.chess", "-p", "a.profile", "-o", page])
            await #expect(throws: ExitCode(73)) { try await command.run() }
        }
    }

    @Test func missingModelIsNoInput() async throws {
        try await withTemporaryDirectory { folder in
            let command = try PlotCommand.parse([
                folder + "/m.chess", "-p", "a.profile", "-o", folder + "/report.html",
            ])
            await #expect(throws: ExitCode(66)) { try await command.run() }
        }
    }

    @Test(arguments: [
        ["m.chess", "-o", "r.html"], ["m.chess", "-p", "a.profile", "-o", "./m.chess", "--force"],
        ["m.chess", "-p", "a.profile", "-p", "x/a.profile", "-o", "r.html"],
        ["m.chess", "-o", "r.html"] + (0...8).flatMap { ["-p", "\($0).profile"] },
    ])
    func contradictionsAreUsageErrors(arguments: [String]) {
        #expect(throws: (any Error).self) { try PlotCommand.parse(arguments) }
    }
}
