package import Decoder
package import Kernels
internal import Machine
package import WeightStore

/// How often a profile keeps each channel, counted over a text.
package final class ChannelActivity: ActivationObserver {
    /// Tensors that lie by channel, what they are multiplied with, and where that may be sparse.
    private static let kinds: [(tensor: String, activation: ObservedActivation, site: SparsitySite)] = [
        ("attn_q", .attentionInput, .queryInput), ("attn_output", .attentionOutput, .attentionOutput),
        ("ffn_gate", .feedForwardInput, .gateInput), ("ffn", .gate, .channels),
    ]

    private let profile: SparsityProfile
    private let workers: Int
    /// `[layers * workers]` counts per channel, of activations that some rule is about.
    private let counts: [ObservedActivation: [SharedBuffer<UInt32>]]
    private let rules: [ObservedActivation: [SparsityProfile.Rule]]

    package init(_ decoder: Decoder, _ profile: SparsityProfile) {
        self.profile = profile
        workers = decoder.threadCount
        let model = decoder.parameters
        var counts: [ObservedActivation: [SharedBuffer<UInt32>]] = [:]
        var rules: [ObservedActivation: [SparsityProfile.Rule]] = [:]
        for kind in Self.kinds {
            guard let own = profile.sites[kind.site] else { continue }
            rules[kind.activation] = own
            counts[kind.activation] = (0..<model.layers * workers).map { _ in
                SharedBuffer(count: model.width(kind.site))
            }
        }
        self.counts = counts
        self.rules = rules
    }

    package func observe(_ values: FloatSlice, _ activation: ObservedActivation, layer: Int, worker: Int) {
        guard let rule = rules[activation]?[layer], !rule.limits.isEmpty,
            let counts = counts[activation]?[layer * workers + worker]
        else { return }
        for channel in 0..<counts.count {
            let limit = rule.limits.count == 1 ? rule.limits[0] : rule.limits[channel]
            let center = rule.center.isEmpty ? 0 : rule.center[channel]
            if abs(values.buffer[values.start + channel] - center) >= limit { counts[channel] += 1 }
        }
    }

    /// For each tensor that lies by channel and is used sparsely, by name: its channels, those kept most often first.
    package func orders() -> [String: RecordOrder] {
        var orders: [String: RecordOrder] = [:]
        for kind in Self.kinds {
            guard let slots = counts[kind.activation], let rules = rules[kind.activation] else { continue }
            for layer in rules.indices where !rules[layer].limits.isEmpty {
                var total = [UInt32](repeating: 0, count: slots[0].count)
                for slot in slots[layer * workers..<(layer + 1) * workers] {
                    for channel in total.indices { total[channel] += slot[channel] }
                }
                let sorted = total.indices.sorted { (total[$1], $0) < (total[$0], $1) }
                orders["blk.\(layer).\(kind.tensor)"] = RecordOrder(sorted.map { UInt32($0) })
            }
        }
        return orders
    }

    /// The orders that `profile` asks for on a text.
    ///
    /// - Parameter progress: told tokens done and in all, on the calling thread.
    /// - Cost: one sparse pass over the text.
    package static func orders(
        of profile: SparsityProfile, on corpus: Corpus, _ decoder: Decoder,
        progress: (Int, Int) -> Void = { _, _ in }
    ) -> [String: RecordOrder] {
        let activity = ChannelActivity(decoder, profile)
        let plan = decoder.plan(profile)
        var done = 0
        for window in corpus.windows {
            _ = decoder.evaluate(
                .tokens(window), at: 0, options: BatchOptions(plan: plan, observer: activity))
            done += window.count
            progress(done, corpus.tokenCount)
        }
        return activity.orders()
    }
}
