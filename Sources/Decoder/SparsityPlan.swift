package import Kernels
internal import Machine
internal import Tensors
package import WeightStore

/// A profile made ready for the kernels of one decoder. Read-only, and shared by any number of steps.
package struct SparsityPlan: Sendable {
    /// Sites of layers that keep everything have no rule.
    final class Layer: Sendable {
        let queryInput: Input?
        let keyValueInput: Input?
        let attentionOutput: Input?
        let gateInput: Input?
        let upInput: Input?
        /// On the activated gate.
        let channels: KeepRule?
        /// The same for channels that are not in memory; `nil` where all are treated alike.
        let absentChannels: KeepRule?
        /// On the product of gate and `up`; one limit for all channels.
        let downInput: KeepRule?

        init(
            queryInput: Input?, keyValueInput: Input?, attentionOutput: Input?, gateInput: Input?,
            upInput: Input?, channels: KeepRule?, absentChannels: KeepRule?, downInput: KeepRule?
        ) {
            self.queryInput = queryInput
            self.keyValueInput = keyValueInput
            self.attentionOutput = attentionOutput
            self.gateInput = gateInput
            self.upInput = upInput
            self.channels = channels
            self.absentChannels = absentChannels
            self.downInput = downInput
        }

        func isSparse(_ site: SparsitySite) -> Bool {
            switch site {
            case .queryInput: queryInput != nil
            case .keyValueInput: keyValueInput != nil
            case .attentionOutput: attentionOutput != nil
            case .gateInput: gateInput != nil
            case .upInput: upInput != nil
            case .channels: channels != nil
            case .downInput: downInput != nil
            }
        }
    }

    /// The sparse input of one or two matrices.
    struct Input: Sendable {
        let rule: KeepRule
        /// What each matrix makes of the center alone, in the order the layer uses them; empty without one.
        let base: [SharedBuffer<Float>]
    }

    let layers: [Layer]
    /// How many logits are computed exactly, the others foretold; `nil` computes all.
    package let headCandidates: Int?
}

extension Decoder {
    /// Reads the profile at `path`, holds it against `store`, which this decoder is of, and makes it ready.
    package func plan(
        at path: String, for store: WeightStore
    ) throws(ProfileError) -> (profile: SparsityProfile, plan: SparsityPlan) {
        let profile = try SparsityProfile(path: path)
        try profile.check(fits: store, path: path)
        let made = plan(profile)
        if let fault = takeFault() { throw .unreadable(path: path, reason: fault.description) }
        return (profile, made)
    }

    /// Makes `profile` ready. The caller has checked that it was made for this model.
    ///
    /// - Cost: one read of the weights whose inputs have a center.
    package func plan(_ profile: SparsityProfile) -> SparsityPlan {
        plan(absentFactor: profile.absentFactor, headCandidates: profile.headCandidates) { site, layer in
            profile.sites[site]?[layer]
        }
    }

    /// A plan of the rules that `rule` gives for each site and layer.
    package func plan(
        absentFactor: Float = 1, headCandidates: Int = 0, _ rule: (SparsitySite, Int) -> SparsityProfile.Rule?
    ) -> SparsityPlan {
        let layers = weights.layers.indices.map { index in
            let layer = weights.layers[index]
            func keepRule(_ site: SparsitySite) -> KeepRule? {
                rule(site, index).flatMap { KeepRule($0, width: parameters.width(site)) }
            }
            func input(
                _ site: SparsitySite, _ products: [Product], _ cached: CachedTensor? = nil
            ) -> SparsityPlan.Input? {
                guard let rule = keepRule(site) else { return nil }
                guard let center = rule.center else { return SparsityPlan.Input(rule: rule, base: []) }
                let base = withRecords(of: cached) { products.map { $0.times(center, kernels) } }
                return SparsityPlan.Input(rule: rule, base: base)
            }
            let channels = keepRule(.channels)
            var absent: KeepRule?
            if absentFactor > 1, layer.cached.bundles != nil, let channels {
                let limits = channels.limits.elements(0..<channels.limits.count)
                absent = KeepRule(limits: SharedBuffer(limits.map { $0 * absentFactor }))
            }
            return SparsityPlan.Layer(
                queryInput: input(.queryInput, [.channels(layer.query)], layer.cached.query),
                keyValueInput: input(.keyValueInput, [.rows(layer.key), .rows(layer.value)]),
                attentionOutput: input(
                    .attentionOutput, [.channels(layer.attentionOutput)], layer.cached.attentionOutput),
                gateInput: input(.gateInput, [.channels(layer.gate)], layer.cached.gate),
                upInput: input(.upInput, [.rows(layer.up)], layer.cached.bundles),
                channels: channels, absentChannels: absent, downInput: keepRule(.downInput))
        }
        return SparsityPlan(
            layers: layers,
            headCandidates: weights.preview == nil || headCandidates == 0
                ? nil : min(headCandidates, parameters.vocabulary))
    }
}

extension KeepRule {
    /// The rule of a profile for so many channels; `nil` when it keeps everything.
    package init?(_ rule: SparsityProfile.Rule, width: Int) {
        guard !rule.limits.isEmpty else { return nil }
        let limits =
            rule.limits.count == width ? rule.limits : [Float](repeating: rule.limits[0], count: width)
        self.init(
            limits: SharedBuffer(limits), center: rule.center.isEmpty ? nil : SharedBuffer(rule.center))
    }
}

/// A matrix of either layout, applied to one constant vector.
private enum Product {
    case rows(RowMatrix)
    case channels(ChannelMatrix)

    /// `W · x` with activations of 16 bits: the product with `x`, and with what quantising `x` lost.
    func times(_ x: SharedBuffer<Float>, _ kernels: KernelSet) -> SharedBuffer<Float> {
        let activations = Activations(length: x.count)
        let values = FloatRows(x, count: 1, length: x.count, stride: x.count)
        let rest = FloatRows(SharedBuffer(count: x.count), count: 1, length: x.count, stride: x.count)
        kernels.quantize(values, row: 0, into: activations)
        kernels.residual(of: activations, values: values, row: 0, into: rest)
        let sum = product(activations, values[0], kernels)
        guard !isFloat else { return sum }
        kernels.quantize(rest, row: 0, into: activations)
        kernels.add(FloatSlice(product(activations, rest[0], kernels)), to: FloatSlice(sum))
        return sum
    }

    private var isFloat: Bool {
        switch self {
        case .rows(let matrix): matrix.form.code.isFloat
        case .channels(let matrix): matrix.form.code.isFloat
        }
    }

    private func product(_ x: Activations, _ values: FloatSlice, _ kernels: KernelSet) -> SharedBuffer<Float>
    {
        switch self {
        case .rows(let matrix):
            let y = SharedBuffer<Float>(count: matrix.rows)
            kernels.dot(into: FloatSlice(y), matrix, x, values: values, rows: 0..<matrix.rows)
            return y
        case .channels(let matrix):
            let y = SharedBuffer<Float>(count: (matrix.outputs + 63) / 64 * 64)
            kernels.addChannels(
                into: FloatSlice(y, 0..<matrix.outputs), matrix, x, values: values,
                outputs: 0..<matrix.outputs)
            return y
        }
    }
}
