internal import Kernels
internal import Machine
internal import WeightStore

/// The input of a matrix in a step: its values and their quantised form.
struct StepInput {
    let values: FloatSlice
    let activations: Activations
}

/// What leaving channels out changes in a step. Every worker does it for itself, as it does with the norms.
extension Decoder {
    /// `y += W x` over the channels that `sparse` keeps, all of them without it.
    func addChannels(
        into y: FloatSlice, _ weights: ChannelMatrix, _ dense: StepInput, _ sparse: SparsityPlan.Input?,
        _ own: SparseScratch, _ site: SparsitySite, _ index: Int, _ outputs: Range<Int>, _ worker: Worker
    ) {
        var input = dense
        var mask: KeepMask?
        if let sparse {
            kernels.keep(dense.values, by: sparse.rule, into: own.mask)
            tally(own.mask, site, index, worker)
            mask = own.mask
            // Without a center the codes stand as they are: the channels left out are not looked at.
            if let center = sparse.rule.center {
                kernels.subtract(FloatSlice(center), from: dense.values, into: own.values)
                kernels.quantize(own.values, into: own.activations)
                input = StepInput(values: own.values, activations: own.activations)
                kernels.add(FloatSlice(sparse.base[0], outputs), to: y[outputs])
            }
        }
        kernels.addChannels(
            into: y, weights, input.activations, values: input.values, mask: mask, outputs: outputs)
    }

    /// The input of a matrix stored by rows, which saves no bytes: zeros stand where channels are left out.
    func dropped(
        _ dense: StepInput, _ sparse: SparsityPlan.Input, _ own: SparseScratch, _ site: SparsitySite,
        _ index: Int, _ worker: Worker
    ) -> StepInput {
        kernels.keep(dense.values, by: sparse.rule, into: own.mask)
        tally(own.mask, site, index, worker)
        if let center = sparse.rule.center {
            kernels.subtract(FloatSlice(center), from: dense.values, into: own.values)
        } else {
            own.values.copy(dense.values)
        }
        kernels.drop(own.values, own.mask)
        kernels.quantize(own.values, into: own.activations)
        return StepInput(values: own.values, activations: own.activations)
    }

    /// Workers have the same mask here, so one counts.
    private func tally(_ mask: KeepMask, _ site: SparsitySite, _ index: Int, _ worker: Worker) {
        guard worker.index == 0 else { return }
        scratch.workers[0].tally.add(mask.keptCount(), site, index)
    }
}
