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

    private let workers: Int
    private let kernels: KernelSet
    /// By activation: a rule per layer, `nil` where it keeps everything.
    private let rules: [ObservedActivation: [KeepRule?]]
    /// `[workers]`.
    private let masks: [ObservedActivation: [KeepMask]]
    /// `[layers * workers]` counts per channel.
    private let counts: [ObservedActivation: [SharedBuffer<UInt32>]]

    package init(_ decoder: Decoder, _ profile: SparsityProfile) {
        workers = decoder.threadCount
        kernels = decoder.kernels
        var rules: [ObservedActivation: [KeepRule?]] = [:]
        var masks: [ObservedActivation: [KeepMask]] = [:]
        var counts: [ObservedActivation: [SharedBuffer<UInt32>]] = [:]
        for kind in Self.kinds {
            guard let own = profile.sites[kind.site] else { continue }
            let width = decoder.parameters.width(kind.site)
            rules[kind.activation] = own.map { KeepRule($0, width: width) }
            masks[kind.activation] = (0..<workers).map { _ in KeepMask(count: width) }
            counts[kind.activation] = (0..<own.count * workers).map { _ in SharedBuffer(count: width) }
        }
        self.rules = rules
        self.masks = masks
        self.counts = counts
    }

    package func observe(_ values: FloatSlice, _ activation: ObservedActivation, layer: Int, worker: Int) {
        guard let rule = rules[activation]?[layer], let mask = masks[activation]?[worker],
            let counts = counts[activation]?[layer * workers + worker]
        else { return }
        kernels.keep(values, by: rule, into: mask)
        for index in 0..<mask.words.count {
            var word = mask.words[index]
            while word != 0 {
                counts[32 * index + word.trailingZeroBitCount] += 1
                word &= word - 1
            }
        }
    }

    /// For each tensor that lies by channel and is used sparsely, by name: its channels, those kept most often first.
    package func orders() -> [String: RecordOrder] {
        var orders: [String: RecordOrder] = [:]
        for kind in Self.kinds {
            guard let slots = counts[kind.activation], let rules = rules[kind.activation] else { continue }
            for layer in rules.indices where rules[layer] != nil {
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
