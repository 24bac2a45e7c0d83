internal import WeightStore

/// One site, layer by layer: the limits, and the share of channels that they leave out.
struct SiteSection {
    private struct Entry {
        var color: Int
        var name: String
        var layers: [LayerNumbers]
    }

    private let layerCount: Int
    private let site: SparsitySite
    private let channels: Int
    private let entries: [Entry]
    private let isEvaluated: Bool

    init(report: Report, site: SparsitySite) {
        self.site = site
        layerCount = report.model.facts.layers
        channels = report.model.facts.width(site)
        let evaluated = report.evaluation?.profiles ?? []
        entries = report.profiles.enumerated().compactMap { color, entry in
            guard let rules = entry.profile.sites[site] else { return nil }
            let shares = evaluated.first { $0.label.name == entry.name }?.layers[site.rawValue]
            return Entry(
                color: color, name: entry.name,
                layers: rules.enumerated().map { LayerNumbers($1, evaluated: shares?[$0]) })
        }
        isEvaluated = entries.contains { $0.layers.contains { $0.evaluated != nil } }
    }

    var html: HTMLText {
        let legend = entries.map { "<span>\(Mark.legend($0.color)) \($0.name)</span> " as HTMLText }
        return """
            <section class="site">
            <h3>\(site.rawValue)</h3>
            <p>\(site.meaning); \(channels) channels a layer.</p>
            <p class="legend">\(legend)</p>
            <div class="pair">
            <figure>
            <figcaption>Limits</figcaption>
            \(limits.svg)</figure>
            <figure>
            <figcaption>Share left out</figcaption>
            \(shares.svg)</figure>
            </div>
            \(SiteTable(columns: entries.map { ($0.color, $0.name, $0.layers) }, isEvaluated: isEvaluated).html)
            </section>

            """
    }

    private var limits: LineChart {
        var (bands, lines): ([LineChart.Layer], [LineChart.Layer]) = ([], [])
        var values: [Double] = []
        for entry in entries {
            let points = entry.layers.enumerated().map { layer, numbers in
                numbers.limit.map { LineChart.Point(x: Double(layer), y: $0) }
            }
            let ranges = entry.layers.enumerated().map { layer, numbers in
                numbers.spread.map { LineChart.Range(x: Double(layer), low: $0.low, high: $0.high) }
            }
            values += points.compactMap { $0?.y } + ranges.compactMap(\.self).flatMap { [$0.low, $0.high] }
            bands.append(.init(color: entry.color, drawing: .band(ranges)))
            lines += line(points, entry) { "limit " + Figure.significant($0) }
        }
        return LineChart(
            title: "Limits at \(site.rawValue) over layers", x: .layers(layerCount),
            y: .magnitudes("limit on \(site.judged)", values), layers: bands + lines)
    }

    private var shares: LineChart {
        var (targets, measured, evaluated): ([LineChart.Layer], [LineChart.Layer], [LineChart.Layer]) =
            ([], [], [])
        func points(_ entry: Entry, _ share: (LayerNumbers) -> Double?) -> [LineChart.Point?] {
            entry.layers.enumerated().map { layer, numbers in
                share(numbers).map { LineChart.Point(x: Double(layer), y: $0) }
            }
        }
        for entry in entries {
            targets.append(
                .init(color: entry.color, drawing: .line(points(entry, \.target), isDashed: true)))
            measured += line(points(entry, \.measured), entry, Figure.percent)
            evaluated.append(
                .init(
                    color: entry.color,
                    drawing: .rings(points(entry, \.evaluated).compactMap(\.self), size: 3)))
        }
        return LineChart(
            title: "Share left out at \(site.rawValue) over layers", x: .layers(layerCount),
            y: .shares("channels left out"), layers: targets + measured + evaluated)
    }

    /// A line with a small mark on each layer that tells its value.
    private func line(
        _ points: [LineChart.Point?], _ entry: Entry, _ words: (Double) -> String
    ) -> [LineChart.Layer] {
        let marks = points.compactMap(\.self).map { point in
            (point: point, note: "\(entry.name), layer \(Int(point.x)): \(words(point.y))")
        }
        return [
            .init(color: entry.color, drawing: .line(points, isDashed: false)),
            .init(color: entry.color, drawing: .marks(marks, size: 2)),
        ]
    }
}

/// What a profile says about one layer at one site.
struct LayerNumbers: Equatable {
    /// The one limit or the median of the channels'; `nil` when the layer keeps everything here.
    var limit: Double?
    /// 10th and 90th percentile, when channels have limits of their own.
    var spread: (low: Double, high: Double)? { percentiles.map { ($0[0], $0[1]) } }
    private var percentiles: [Double]?
    var target: Double
    var measured: Double
    /// Left out of the text of an evaluation.
    var evaluated: Double?
    /// Whether what is left out stands at a usual value instead of zero.
    var hasCenter: Bool

    init(_ rule: SparsityProfile.Rule, evaluated: Double?) {
        let sorted = rule.limits.sorted().map(Double.init)
        limit = sorted.isEmpty ? nil : Self.quantile(sorted, 0.5)
        if sorted.count > 1 { percentiles = [Self.quantile(sorted, 0.1), Self.quantile(sorted, 0.9)] }
        target = rule.target
        measured = rule.measured
        self.evaluated = evaluated
        hasCenter = !rule.center.isEmpty
    }

    /// Between the two nearest of `sorted`, which is not empty.
    private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        let position = share * Double(sorted.count - 1)
        let below = Int(position)
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (sorted[above] - sorted[below]) * (position - Double(below))
    }
}

extension SparsitySite {
    fileprivate var meaning: String {
        switch self {
        case .queryInput: "Input of q_proj"
        case .keyValueInput: "Input of k_proj and v_proj"
        case .attentionOutput: "Input of o_proj"
        case .gateInput: "Input of the gate"
        case .upInput: "Input of up"
        case .channels:
            "Hidden channels, a row of up and a channel of down each, judged by the activated gate"
        case .downInput: "Input of down, judged by the product of gate and up"
        }
    }

    /// What is compared with the limit.
    fileprivate var judged: String {
        switch self {
        case .queryInput, .keyValueInput, .attentionOutput, .gateInput: "|x − center|"
        case .upInput: "|x|"
        case .channels: "|activated gate|"
        case .downInput: "|gate × up|"
        }
    }
}
