/// The numbers of one site: a summary, and every layer for those who open it.
struct SiteTable {
    /// Of each profile that is sparse at the site.
    let columns: [(color: Int, name: String, layers: [LayerNumbers])]
    let isEvaluated: Bool

    var html: HTMLText {
        """
        <div class="wide"><table>
        <thead><tr><th>profile</th><th>limits a layer</th><th>left out stands at</th>\
        \(cells(["target", "measured", "least layer", "most layer"], "th"))\
        \(isEvaluated ? cells(["evaluation text"], "th") : "" as HTMLText)</tr></thead>
        <tbody>
        \(columns.map { summary($0.color, $0.name, $0.layers) })</tbody>
        </table></div>
        <details>
        <summary>Every layer</summary>
        <div class="wide"><table>
        <thead>
        <tr><th rowspan="2" class="number">layer</th>\(groups)</tr>
        <tr>\(columns.map { _ in cells(["limit", "target", "measured"] + (isEvaluated ? ["evaluated"] : []), "th") })\
        </tr>
        </thead>
        <tbody>
        \((0..<(columns.first?.layers.count ?? 0)).map(row))</tbody>
        </table></div>
        </details>
        """
    }

    private var groups: HTMLText {
        HTMLText(
            columns.map {
                """
                <th colspan="\(isEvaluated ? 4 : 3)" class="group">\(Mark.legend($0.color)) \($0.name)</th>
                """
            })
    }

    private func summary(_ color: Int, _ name: String, _ layers: [LayerNumbers]) -> HTMLText {
        let measured = layers.map(\.measured)
        let evaluated = layers.compactMap(\.evaluated)
        let shares = [
            mean(layers.map(\.target)), mean(measured), measured.min().map(Figure.percent) ?? "",
            measured.max().map(Figure.percent) ?? "",
        ]
        return """
            <tr><th>\(Mark.legend(color)) \(name)</th>\
            <td>\(layers.contains { $0.spread != nil } ? "one per channel" : "one")</td>\
            <td>\(layers.contains { $0.hasCenter } ? "its usual value" : "zero")</td>\
            \(cells(shares + (isEvaluated ? [mean(evaluated)] : [])))</tr>

            """
    }

    private func row(_ layer: Int) -> HTMLText {
        let values = columns.map { column in
            let numbers = column.layers[layer]
            var limit = numbers.limit.map { Figure.significant($0) } ?? "keeps all"
            if let spread = numbers.spread {
                limit = "\(Figure.significant(spread.low)) / \(limit) / \(Figure.significant(spread.high))"
            }
            let shares = [limit, Figure.percent(numbers.target), Figure.percent(numbers.measured)]
            return cells(shares + (isEvaluated ? [numbers.evaluated.map(Figure.percent) ?? ""] : []))
        }
        return "<tr><th class=\"number\">\(layer)</th>\(values)</tr>\n"
    }

    private func mean(_ shares: [Double]) -> String {
        shares.isEmpty ? "" : Figure.percent(shares.reduce(0, +) / Double(shares.count))
    }

    private func cells(_ texts: [String], _ tag: HTMLText = "td") -> HTMLText {
        HTMLText(texts.map { "<\(tag) class=\"number\">\($0)</\(tag)>" as HTMLText })
    }
}
