/// A small chart as SVG: lines, bands and dots over two axes.
///
/// Colours come from the page's style: a thing of profile `n` has the class `cn`, and `reference` has none.
struct LineChart {
    struct Point: Equatable {
        var x: Double
        var y: Double
    }

    /// Between two values at one place.
    struct Range: Equatable {
        var x: Double
        var low: Double
        var high: Double
    }

    enum Drawing {
        /// A gap where there is no point.
        case line([Point?], isDashed: Bool)
        case band([Range?])
        /// Each with what a pointer on it is told.
        case marks([(point: Point, note: String)], size: Double)
        case rings([Point], size: Double)
        /// Marks with their note beside them.
        case labels([(point: Point, note: String, detail: String)])
    }

    struct Layer {
        /// Of the page's colours; `nil` is grey.
        var color: Int?
        var drawing: Drawing
    }

    /// What a screen reader says.
    var title: String
    var x: Axis
    var y: Axis
    /// From back to front.
    var layers: [Layer]

    static let size = (width: 540.0, height: 270.0)
    static let plot = (left: 58.0, right: 526.0, top: 30.0, bottom: 228.0)

    var svg: HTMLText {
        """
        <svg viewBox="0 0 \(Self.size.width) \(Self.size.height)" role="img" aria-label="\(title)">
        \(axes)\(layers.map(draw))\(labels)</svg>

        """
    }

    private func place(_ point: Point) -> (x: Double, y: Double) { (across(point.x), up(point.y)) }

    private func across(_ value: Double) -> Double {
        Self.plot.left + x.fraction(value) * (Self.plot.right - Self.plot.left)
    }

    private func up(_ value: Double) -> Double {
        Self.plot.bottom - y.fraction(value) * (Self.plot.bottom - Self.plot.top)
    }

    private var axes: HTMLText {
        let (left, right, top, bottom) = Self.plot
        var text: HTMLText = ""
        for tick in y.ticks {
            let level = up(tick.value)
            text += "<path class=\"grid\" d=\"M\(left) \(level)H\(right)\"/>"
            text += "<text class=\"tick end\" x=\"\(left - 7)\" y=\"\(level + 4)\">\(tick.label)</text>\n"
        }
        for tick in x.ticks {
            let place = across(tick.value)
            text += "<path class=\"axis\" d=\"M\(place) \(bottom)v5\"/>"
            text += "<text class=\"tick mid\" x=\"\(place)\" y=\"\(bottom + 18)\">\(tick.label)</text>\n"
        }
        text += "<path class=\"axis\" d=\"M\(left) \(bottom)H\(right)\"/>"
        text += "<text class=\"title\" x=\"\(left - 50)\" y=\"\(top - 14)\">\(y.title)</text>"
        text +=
            "<text class=\"title mid\" x=\"\((left + right) / 2)\" y=\"\(bottom + 36)\">\(x.title)</text>\n"
        return text
    }

    private func draw(_ layer: Layer) -> HTMLText {
        let body: HTMLText =
            switch layer.drawing {
            case .line(let points, let isDashed): line(points, isDashed: isDashed)
            case .band(let ranges): band(ranges)
            case .marks(let marks, let size):
                HTMLText(marks.map { Mark.svg(layer.color, at: place($0.point), size: size, note: $0.note) })
            case .rings(let points, let size):
                "<g class=\"rings\">\(points.map { Mark.svg(layer.color, at: place($0), size: size, note: "") })</g>"
            case .labels(let labels):
                HTMLText(
                    labels.map { Mark.svg(layer.color, at: place($0.point), size: 5, note: $0.detail) })
            }
        return "<g class=\"\(Mark.colorClass(layer.color))\">\(body)</g>\n"
    }

    /// A point between two gaps would make an empty line; marks show it.
    private func line(_ points: [Point?], isDashed: Bool) -> HTMLText {
        var path: HTMLText = ""
        for run in points.split(separator: nil) where run.count > 1 {
            for (index, point) in run.compactMap(\.self).enumerated() {
                let (x, y) = place(point)
                path += index == 0 ? "M\(x) \(y)" : "L\(x) \(y)"
            }
        }
        return path == "" ? "" : "<path class=\"line\(isDashed ? " dashed" : "")\" d=\"\(path)\"/>"
    }

    private func band(_ ranges: [Range?]) -> HTMLText {
        var text: HTMLText = ""
        for run in ranges.split(separator: nil).map({ $0.compactMap(\.self) }) {
            if run.count == 1 {
                text +=
                    "<path class=\"line thin\" d=\"M\(across(run[0].x)) \(up(run[0].low))V\(up(run[0].high))\"/>"
                continue
            }
            let high = run.map { "\(across($0.x)) \(up($0.high))" as HTMLText }
            let low = run.reversed().map { "\(across($0.x)) \(up($0.low))" as HTMLText }
            text += "<path class=\"band\" d=\"M\(HTMLText(high + low, separator: "L"))Z\"/>"
        }
        return text
    }

    private var labels: HTMLText {
        var placing = LabelPlacing(Self.plot)
        var notes: [(color: Int?, text: String, mark: (x: Double, y: Double))] = []
        for layer in layers {
            guard case .labels(let labels) = layer.drawing else { continue }
            notes += labels.map { (layer.color, $0.note, place($0.point)) }
        }
        for note in notes { placing.avoid(note.mark) }
        return HTMLText(
            notes.map { note in
                let (x, y) = placing.place(note.text, at: note.mark)
                return """
                    <text class="label \(Mark.colorClass(note.color))" x="\(x)" y="\(y)">\(note.text)</text>

                    """
            })
    }
}
