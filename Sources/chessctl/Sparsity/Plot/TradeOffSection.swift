/// Quality and speed over the bytes that a token reads, as far as they were measured.
struct TradeOffSection {
    let report: Report

    var html: HTMLText {
        """
        <section>
        <h2>Quality and speed</h2>
        <div class="pair">
        \(report.evaluation.map(quality) ?? missing("Quality", report.commands.evaluate, "--eval eval.json"))
        \(report.benchmark.map(speed) ?? missing("Speed", report.commands.bench, "--bench bench.json"))
        </div>
        \(report.evaluation == nil && report.benchmark == nil ? "" : TradeOffTable(report: report).html)
        </section>
        """
    }

    private func missing(_ what: String, _ command: String, _ option: String) -> HTMLText {
        """
        <figure class="missing">
        <figcaption>\(what)</figcaption>
        <p>Not measured. This command makes the file that <code>\(option)</code> takes:</p>
        <pre>\(command)</pre>
        </figure>
        """
    }

    private func color(_ name: String) -> Int? { report.profiles.firstIndex { $0.name == name } }

    private func quality(_ evaluation: Evaluation) -> HTMLText {
        let points = evaluation.profiles.map { profile in
            (profile, LineChart.Point(x: profile.bytesPerToken / 1e6, y: max(profile.divergence, 0)))
        }
        let dense = LineChart.Point(x: evaluation.denseBytesPerToken / 1e6, y: 0)
        var layers: [LineChart.Layer] = []
        for method in Set(evaluation.profiles.map(\.label.method)).sorted() {
            let curve = points.filter { $0.0.label.method == method }.map(\.1) + [dense]
            layers.append(
                .init(
                    color: nil, drawing: .line(curve.sorted { ($0.x, $1.y) < ($1.x, $0.y) }, isDashed: false))
            )
        }
        layers.append(.init(color: nil, drawing: .labels([(dense, "dense", "dense")])))
        for (profile, point) in points {
            let detail =
                "\(profile.label.name): KL \(Readable.fixed(profile.divergence, 4)), "
                + "\(Readable.fixed(point.x, 1)) MB/token, agreement \(Figure.percent(profile.agreement))"
            layers.append(
                .init(
                    color: color(profile.label.name), drawing: .labels([(point, profile.label.name, detail)]))
            )
        }
        let chart = LineChart(
            title: "KL divergence over megabytes per token",
            x: .linear("weights read, MB/token", points.map(\.1.x) + [dense.x], steps: 8),
            y: .linear("KL divergence from the dense model, nats/token", points.map(\.1.y) + [0], zero: true),
            layers: layers)
        return """
            <figure>
            <figcaption>Quality; a line joins the profiles of one method</figcaption>
            \(chart.svg)<p class="note">\(evaluation.conditions)</p>
            </figure>
            """
    }

    private func speed(_ benchmark: Benchmark) -> HTMLText {
        let points = benchmark.profiles.map { profile in
            (profile, LineChart.Point(x: profile.bytesPerToken / 1e6, y: profile.tokensPerSecond))
        }
        let dense = LineChart.Point(x: benchmark.denseBytesPerToken / 1e6, y: benchmark.denseTokensPerSecond)
        let (from, to) = (([dense.x] + points.map(\.1.x)).min() ?? dense.x, dense.x)
        let ceiling = (0...24).map { step in
            let x = from + (to - from) * Double(step) / 24
            return LineChart.Point(x: x, y: dense.y * dense.x / x)
        }
        var layers: [LineChart.Layer] = [
            .init(color: nil, drawing: .line(ceiling, isDashed: true)),
            .init(color: nil, drawing: .labels([(dense, "dense", "dense")])),
        ]
        for (profile, point) in points {
            let detail =
                "\(profile.label.name): \(Readable.fixed(point.y, 1)) tokens/s, "
                + "\(Readable.fixed(point.x, 1)) MB/token, \(Readable.fixed(profile.speedup, 2)) times dense"
            layers.append(
                .init(
                    color: color(profile.label.name), drawing: .labels([(point, profile.label.name, detail)]))
            )
        }
        let chart = LineChart(
            title: "Decoding speed over megabytes per token",
            x: .linear("weights read, MB/token", points.map(\.1.x) + [dense.x], steps: 8),
            y: .linear("decoding, tokens/s", points.map(\.1.y) + ceiling.map(\.y)), layers: layers)
        return """
            <figure>
            <figcaption>Speed; dashed is what it would be if only bytes counted</figcaption>
            \(chart.svg)<p class="note">\(benchmark.conditions)</p>
            </figure>
            """
    }
}
