internal import WireAPI

/// The frontier that a tuning found, as a page of HTML that needs nothing beside itself.
struct TunePage {
    let report: TuneReport

    var html: HTMLText {
        HTMLPage.html(
            title: "Tuning of \(report.model)",
            """
            <header>
            <h1>Tuning of \(report.model)</h1>
            <dl>
            <dt>Chosen</dt><dd>\(chosen)</dd>
            <dt>Bound</dt><dd>\(report.bounds)</dd>
            <dt>Board</dt><dd>\(report.boardText)</dd>
            <dt>Text</dt><dd>\(FileNames.last(report.text)), sha256 <code>\(report.textSha256)</code>: \
            \(report.calibrationTokens) tokens to calibrate with, \(report.heldOutTokens) held out, in windows of \
            \(report.context)</dd>
            </dl>
            </header>
            <section>
            <h2>Quality against speed</h2>
            <div class="pair">
            \(figure("Speed; a line joins the profiles of one method, the ring is the choice", speed))
            \(figure("Weights read", bytes))
            </div>
            </section>
            <section>
            <h2>Candidates</h2>
            <div class="wide"><table>
            <thead><tr><th>profile</th><th class="number">factor</th><th class="number">KL</th>\
            <th class="number">perplexity</th><th class="number">MB/token</th>\
            <th class="number">from storage, MB/token</th><th class="number">tokens/s</th><th></th></tr></thead>
            <tbody>
            <tr><th>\(Mark.legend(nil)) dense</th><td></td><td></td>\
            <td class="number">\(fixed(report.dense.perplexity, 3))</td>\
            <td class="number">\(fixed(report.dense.bytesPerToken / 1e6, 1))</td><td></td>\
            <td class="number">\(fixed(report.dense.tokensPerSecond, 1))</td><td></td></tr>
            \(report.candidates.map(row))</tbody>
            </table></div>
            </section>
            <footer>Made by chessctl tune \(Version.current).</footer>
            """)
    }

    private var chosen: String {
        guard let chosen = report.chosen else { return "nothing" }
        return "\(name(chosen)): \(fixed(chosen.tokensPerSecond, 1)) tokens/s, KL \(fixed(chosen.kl, 4)), "
            + "perplexity \(fixed(chosen.perplexity, 3)) -> \(report.path)"
    }

    private func name(_ candidate: TuneReport.Candidate) -> String {
        "\(candidate.method) \(candidate.sparsity)"
            + (candidate.absentFactor == 1 ? "" : " x\(Figure.significant(candidate.absentFactor))")
    }

    private func fixed(_ value: Double?, _ digits: Int) -> String {
        value.map { Readable.fixed($0, digits) } ?? ""
    }

    private var methods: [String] {
        report.candidates.reduce(into: []) { if !$0.contains($1.method) { $0.append($1.method) } }
    }

    private func row(_ candidate: TuneReport.Candidate) -> HTMLText {
        let mark = candidate.isChosen ? "chosen" : candidate.isWithinBounds == false ? "beyond the bound" : ""
        return """
            <tr><th>\(Mark.legend(methods.firstIndex(of: candidate.method))) \
            \(candidate.method) \(String(candidate.sparsity))</th>\
            <td class="number">\(Figure.significant(candidate.absentFactor))</td>\
            <td class="number">\(fixed(candidate.kl, 4))</td>\
            <td class="number">\(fixed(candidate.perplexity, 3))</td>\
            <td class="number">\(fixed(candidate.bytesPerToken / 1e6, 1))</td>\
            <td class="number">\(fixed(candidate.storageBytesPerToken.map { $0 / 1e6 }, 1))</td>\
            <td class="number">\(fixed(candidate.tokensPerSecond, 1))</td><td>\(mark)</td></tr>

            """
    }

    private func figure(_ caption: String, _ chart: LineChart) -> HTMLText {
        """
        <figure>
        <figcaption>\(caption)</figcaption>
        \(chart.svg)
        </figure>
        """
    }

    private var speed: LineChart {
        chart("KL divergence over tokens per second", "decoding, tokens/s", report.dense.tokensPerSecond) {
            $0.tokensPerSecond
        }
    }

    private var bytes: LineChart {
        chart(
            "KL divergence over megabytes per token", "weights read, MB/token",
            report.dense.bytesPerToken / 1e6
        ) { $0.absentFactor == 1 ? $0.bytesPerToken / 1e6 : nil }
    }

    /// KL over what `place` says of each candidate; those without either are left out.
    private func chart(
        _ title: String, _ axis: String, _ dense: Double?, _ place: (TuneReport.Candidate) -> Double?
    ) -> LineChart {
        let points = report.candidates.compactMap { candidate in
            if let x = place(candidate), let y = candidate.kl {
                (candidate: candidate, point: LineChart.Point(x: x, y: max(y, 0)))
            } else {
                nil
            }
        }
        let reference = dense.map { LineChart.Point(x: $0, y: 0) }
        let all = points.map(\.point) + (reference.map { [$0] } ?? [])
        let x = Axis.linear(axis, all.map(\.x), steps: 8)
        let bound = report.maxKl
        var layers: [LineChart.Layer] = []
        if let bound {
            let line = [LineChart.Point(x: x.low, y: bound), LineChart.Point(x: x.high, y: bound)]
            layers.append(.init(color: nil, drawing: .line(line, isDashed: true)))
        }
        if let reference {
            layers.append(.init(color: nil, drawing: .labels([(reference, "dense", "dense")])))
        }
        for (color, method) in methods.enumerated() {
            let own = points.filter { $0.candidate.method == method }
            let plain = own.filter { $0.candidate.absentFactor == 1 }.sorted {
                $0.candidate.sparsity < $1.candidate.sparsity
            }
            layers.append(.init(color: color, drawing: .line(plain.map(\.point), isDashed: false)))
            let labels = own.map { candidate, point in
                (point, name(candidate), "\(name(candidate)): KL \(fixed(candidate.kl, 4))")
            }
            layers.append(.init(color: color, drawing: .labels(labels)))
            let rings = own.filter(\.candidate.isChosen).map(\.point)
            layers.append(.init(color: color, drawing: .rings(rings, size: 9)))
        }
        return LineChart(
            title: title, x: x,
            y: .linear(
                "KL divergence from the dense model, nats/token", all.map(\.y) + (bound.map { [$0] } ?? []),
                zero: true), layers: layers)
    }
}
