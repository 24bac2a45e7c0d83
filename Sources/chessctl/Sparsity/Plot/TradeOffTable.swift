internal import WeightStore

/// All numbers of the measurements, a row for each profile.
struct TradeOffTable {
    let report: Report

    var html: HTMLText {
        """
        <div class="wide"><table>
        <thead>
        <tr><th rowspan="2">profile</th><th rowspan="2">method</th><th rowspan="2" class="number">asked for</th>\
        \(report.evaluation == nil ? "" : "<th colspan=\"6\" class=\"group\">quality</th>" as HTMLText)\
        \(report.benchmark == nil ? "" : "<th colspan=\"4\" class=\"group\">speed</th>" as HTMLText)</tr>
        <tr>\(header)</tr>
        </thead>
        <tbody>
        \(rows)</tbody>
        </table></div>
        """
    }

    private var header: HTMLText {
        let quality = ["MB/token", "of dense", "perplexity", "KL", "KL p99", "agreement"]
        let speed = ["MB/token", "of dense", "tokens/s", "times dense"]
        return numbers(
            (report.evaluation == nil ? [] : quality) + (report.benchmark == nil ? [] : speed), tag: "th")
    }

    private var rows: HTMLText {
        var text: HTMLText = "<tr><th>\(Mark.legend(nil)) dense</th><td></td><td></td>"
        if let dense = report.evaluation {
            text += numbers([
                Readable.fixed(dense.denseBytesPerToken / 1e6, 1), Figure.percent(1),
                Readable.fixed(dense.densePerplexity, 3), "", "", "",
            ])
        }
        if let dense = report.benchmark {
            text += numbers([
                Readable.fixed(dense.denseBytesPerToken / 1e6, 1), Figure.percent(1),
                Readable.fixed(dense.denseTokensPerSecond, 1), Readable.fixed(1, 2),
            ])
        }
        text += "</tr>\n"
        for (index, label) in labels.enumerated() {
            text += """
                <tr><th>\(Mark.legend(index < report.profiles.count ? index : nil)) \(label.name)</th>\
                <td>\(label.method)</td><td class="number">\(Figure.percent(label.sparsity))</td>
                """
            if let evaluation = report.evaluation { text += numbers(quality(label.name, evaluation)) }
            if let benchmark = report.benchmark { text += numbers(speed(label.name, benchmark)) }
            text += "</tr>\n"
        }
        return text
    }

    /// The profiles of the page, then those that were only measured.
    private var labels: [MeasuredProfile] {
        var labels = report.profiles.map {
            MeasuredProfile(name: $0.name, method: $0.profile.method, sparsity: $0.profile.sparsity)
        }
        let measured =
            (report.evaluation?.profiles.map(\.label) ?? []) + (report.benchmark?.profiles.map(\.label) ?? [])
        for label in measured where !labels.contains(where: { $0.name == label.name }) {
            labels.append(label)
        }
        return labels
    }

    private func quality(_ name: String, _ evaluation: Evaluation) -> [String] {
        guard let profile = evaluation.profiles.first(where: { $0.label.name == name }) else {
            return ["not measured", "", "", "", "", ""]
        }
        return [
            Readable.fixed(profile.bytesPerToken / 1e6, 1),
            Figure.percent(profile.bytesPerToken / evaluation.denseBytesPerToken),
            Readable.fixed(profile.perplexity, 3), Readable.fixed(profile.divergence, 4),
            Readable.fixed(profile.highDivergence, 3), Figure.percent(profile.agreement),
        ]
    }

    private func speed(_ name: String, _ benchmark: Benchmark) -> [String] {
        guard let profile = benchmark.profiles.first(where: { $0.label.name == name }) else {
            return ["not measured", "", "", ""]
        }
        return [
            Readable.fixed(profile.bytesPerToken / 1e6, 1),
            Figure.percent(profile.bytesPerToken / benchmark.denseBytesPerToken),
            Readable.fixed(profile.tokensPerSecond, 1), Readable.fixed(profile.speedup, 2),
        ]
    }

    private func numbers(_ cells: [String], tag: HTMLText = "td") -> HTMLText {
        HTMLText(cells.map { "<\(tag) class=\"number\">\($0)</\(tag)>" as HTMLText })
    }
}
