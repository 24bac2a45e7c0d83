/// Finds a place for each label of a chart where it covers no mark and no other label.
struct LabelPlacing {
    private struct Box {
        var left: Double
        var right: Double
        var top: Double
        var bottom: Double

        func overlap(_ other: Box) -> Double {
            let width = min(right, other.right) - max(left, other.left)
            let height = min(bottom, other.bottom) - max(top, other.top)
            return width > 0 && height > 0 ? width * height : 0
        }
    }

    private let plot: (left: Double, right: Double, top: Double, bottom: Double)
    private var taken: [Box] = []

    init(_ plot: (left: Double, right: Double, top: Double, bottom: Double)) { self.plot = plot }

    mutating func avoid(_ mark: (x: Double, y: Double)) {
        taken.append(Box(left: mark.x - 6, right: mark.x + 6, top: mark.y - 6, bottom: mark.y + 6))
    }

    /// Where the text begins, on its base line: the nearest place that is free, or else the freest.
    mutating func place(_ text: String, at mark: (x: Double, y: Double)) -> (x: Double, y: Double) {
        // 6.3 is a wide letter of the label's 11 pixels; a page has no way to measure its font beforehand.
        let width = min(Double(text.count) * 6.3, plot.right - plot.left)
        var best: (box: Box, cost: Double)?
        for distance in [0.0, 13, 26, 39, 52] {
            for (right, down) in [(1.0, 0.0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1)] {
                let middle = mark.x + right * (width / 2 + 9)
                let left = min(max(middle - width / 2, plot.left + 2), plot.right - width)
                let base = mark.y + 4 + down * (distance + 13)
                guard base > plot.top + 10, base < plot.bottom - 3 else { continue }
                let box = Box(left: left, right: left + width, top: base - 10, bottom: base + 3)
                let cost = taken.reduce(0) { $0 + $1.overlap(box) }
                if cost < (best?.cost ?? .infinity) { best = (box, cost) }
            }
            if best?.cost == 0 { break }
        }
        let box = best?.box ?? Box(left: plot.left, right: plot.right, top: plot.top, bottom: plot.top + 13)
        taken.append(box)
        return (box.left, box.bottom - 3)
    }
}
