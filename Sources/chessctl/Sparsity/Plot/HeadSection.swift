internal import WeightStore

/// What the page is about: the model, and where each profile comes from.
struct HeadSection {
    let report: Report

    var html: HTMLText {
        let facts = report.model.facts
        return """
            <header>
            <h1>Sparsity of \(facts.name)</h1>
            <dl>
            <dt>Store</dt><dd>\(report.model.fileName)</dd>
            <dt>Source</dt><dd>\(report.model.sourceName)</dd>
            <dt>Source sha256</dt><dd><code>\(facts.sourceSHA256)</code></dd>
            <dt>Shape</dt><dd>\(facts.layers) layers; channels: \(facts.embedding) embedding, \
            \(facts.queries) queries, \(facts.feedForward) feed-forward</dd>
            </dl>
            </header>
            <section>
            <h2>Profiles</h2>
            <div class="wide"><table>
            <thead><tr><th>profile</th><th>method</th><th class="number">sparsity asked for</th>\
            <th>calibration text</th><th>its sha256</th><th class="number">tokens</th><th>program</th>\
            <th>date</th></tr></thead>
            <tbody>
            \(report.profiles.enumerated().map { row($1.name, $1.profile, color: $0) })</tbody>
            </table></div>
            </section>
            """
    }

    private func row(_ name: String, _ profile: SparsityProfile, color: Int) -> HTMLText {
        """
        <tr><th>\(Mark.legend(color)) \(name)</th><td>\(profile.method)</td>\
        <td class="number">\(Figure.percent(profile.sparsity))</td><td>\(profile.corpus.name)</td>\
        <td><code title="\(profile.corpus.sha256)">\(String(profile.corpus.sha256.prefix(12)))</code></td>\
        <td class="number">\(profile.corpus.tokens)</td><td>\(profile.program)</td>\
        <td>\(profile.createdAt)</td></tr>

        """
    }
}
