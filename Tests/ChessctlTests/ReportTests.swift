import Testing
import WeightStore

@testable import chessctl

/// The page that `chessctl plot` makes.
@Suite struct ReportTests {
    @Test(arguments: [
        ("plain é", "plain é"), ("a & b", "a &amp; b"), ("<script>", "&lt;script&gt;"),
        ("\"'", "&quot;&#39;"), ("a\u{0}\u{1B}b", "a\u{FFFD}\u{FFFD}b"), ("\u{202E}x", "\u{FFFD}x"),
        ("\u{FFFE}", "\u{FFFD}"), ("a\tb\nc", "a\tb\nc"),
    ])
    func textIsEscaped(text: String, expected: String) {
        #expect(HTMLText.escaped(text) == expected)
        #expect(("<b>\(text)</b>" as HTMLText).markup == "<b>\(expected)</b>")
    }

    @Test func whatFilesSayStaysText() throws {
        let evil = "</title></svg>\"><script>alert('&')</script>"
        let measured = evaluation.replacing(
            "\"name\": \"other\", \"method\": \"teal\"",
            with: #""name": "<script>", "method": "</svg>\"'""#
        ).replacing("\"tiny\"", with: #""</title></svg>\"><script>alert('&')</script>""#)
        let page = try report(
            modelName: evil,
            profiles: [.init(name: evil, profile: try profile(layers: 3, method: evil, corpus: evil))],
            eval: measured)
        let markup = Markup(page.html.markup)
        #expect(markup.fault == nil)
        #expect(!markup.tags.contains { $0.name == "script" })
        #expect(page.html.markup.contains("&lt;script&gt;alert(&#39;&amp;&#39;)"))
    }

    @Test(arguments: [1, 3, 40], [false, true])
    func documentIsWellFormed(layers: Int, isMeasured: Bool) throws {
        // The evaluation is of three layers.
        let isEvaluated = isMeasured && layers == 3
        let page = try report(
            layers: layers, eval: isEvaluated ? evaluation : nil, bench: isMeasured ? benchmark : nil)
        let markup = Markup(page.html.markup)
        #expect(markup.fault == nil)
        // Two sites with two charts each, and one for each measurement.
        let charts = markup.tags.count { $0.attributes["role"] == "img" }
        #expect(charts == 4 + (isEvaluated ? 1 : 0) + (isMeasured ? 1 : 0))
    }

    @Test func pageNeedsNothingElse() throws {
        let page = try report(eval: evaluation, bench: benchmark)
        for tag in Markup(page.html.markup).tags {
            #expect(!["script", "link", "img", "iframe", "object"].contains(tag.name))
            #expect(tag.attributes["src"] == nil && tag.attributes["href"] == nil)
        }
        #expect(!page.html.markup.contains("url("))
    }

    @Test func numbersOfAProfileAppear() throws {
        let text = try report().html.markup
        for expected in [
            String(repeating: "ab", count: 32), "<code title=\"0123456789abcdef\">0123456789ab</code>",
            ">4242<",
            "chessctl 9.8.7", "2026-01-02T03:04:05Z", "corpus.txt", ">50.0 %<", ">0.0123<", ">31.7 %<",
            ">12.3 %<", "half, layer 2: limit 0.0123", "half, layer 0: 45.6 %",
            // The 10th, 50th and 90th percentile of 0, 10 … 70.
            ">7 / 35 / 63<",
        ] { #expect(text.contains(expected), "\(expected)") }
    }

    @Test func measurementsAppear() throws {
        let text = try report(eval: evaluation, bench: benchmark).html.markup
        for expected in [
            "512 tokens of held.txt in windows of 256, activations int16", ">43.084<", ">49.106<", ">0.2218<",
            ">0.986<", ">71.7 %<", ">76.9<", ">79.7 %<", ">22.2 %<",
            "64 tokens, median of 5 runs, 4 threads, neon kernels", ">18.9<", ">23.1<", ">1.22<", ">77.1<",
            ">other<", "hollow marks",
        ] { #expect(text.contains(expected), "\(expected)") }
        #expect(!text.contains("Not measured"))
    }

    @Test func withoutMeasurementsThePageSaysHowToMakeThem() throws {
        let text = try report().html.markup
        #expect(
            text.contains(
                """
                <pre>chessctl eval &#39;my models/tiny.chess&#39; --text other.txt \\
                  --profile half.profile \\
                  --json &gt; eval.json</pre>
                """))
        #expect(text.contains("<pre>chessctl bench &#39;my models/tiny.chess&#39; \\\n"))
        #expect(!text.contains("hollow marks"))
    }

    @Test func sameInputMakesTheSamePage() throws {
        let pages = try (0..<5).map { _ in try report(eval: evaluation, bench: benchmark).html.markup }
        #expect(Set(pages).count == 1)
    }

    /// Whatever the limits are, nothing is drawn outside a chart or at no number.
    @Test(
        arguments: [
            [Float](repeating: 0, count: 8), [0, 0, 0, 0, 0, 0, 0, .leastNonzeroMagnitude],
            [3.4e38, 1e-38, 0, 1, 2, 3, 4, 5],
            [Float](repeating: 3.4e38, count: 8), [], [7],
        ], [1, 3])
    func coordinatesLieWithinTheirChart(limits: [Float], layers: Int) throws {
        let given = try profile(layers: layers, limit: limits.last ?? 0, channelLimits: limits)
        let page = try report(
            layers: layers, profiles: [.init(name: "half", profile: given)],
            eval: layers == 3 ? evaluation : nil, bench: benchmark)
        let markup = Markup(page.html.markup)
        #expect(markup.fault == nil)
        let (across, down) = markup.places
        #expect(!across.isEmpty && !down.isEmpty)
        // A NaN is in no range.
        #expect(across.allSatisfy { (0...LineChart.size.width).contains($0) })
        #expect(down.allSatisfy { (0...LineChart.size.height).contains($0) })
    }

    @Test func layersThatKeepEverythingAreGaps() throws {
        var given = try profile(layers: 5)
        let limits: [[Float]] = [[0.1], [], [0.2], [0.3], []]
        given.sites = [.upInput: limits.map { .init(limits: $0) }]
        let page = try report(layers: 5, profiles: [.init(name: "half", profile: given)])
        let line = try #require(
            Markup(page.html.markup).tags.first { $0.attributes["class"] == "line" })
        // Only layers 2 and 3 are neighbours.
        #expect(line.attributes["d"]?.count { $0 == "M" || $0 == "L" } == 2)
        #expect(page.html.markup.contains(">keeps all<"))
    }

    @Test func profileThatKeepsEverythingHasNoCharts() throws {
        var given = try profile(layers: 3)
        given.sites = [:]
        let page = try report(profiles: [.init(name: "half", profile: given)])
        #expect(page.html.markup.contains("These profiles leave nothing out."))
        #expect(Markup(page.html.markup).fault == nil)
    }
}
