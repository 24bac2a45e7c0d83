internal import Kernels
internal import Machine
internal import WeightStore

/// The input of a matrix in a step: its values and their quantised form.
struct StepInput {
    let values: FloatSlice
    let activations: Activations
    /// Channels to multiply with; all without one.
    var mask: KeepMask?
}

/// What leaving channels out changes in a step. Every worker does it for itself, as it does with the norms.
extension Decoder {
    /// The input of a matrix by input channel, with the channels that `sparse` keeps as its mask.
    func masked(
        _ dense: StepInput, _ sparse: SparsityPlan.Input?, _ own: SparseScratch, _ site: SparsitySite,
        _ index: Int, _ worker: Worker
    ) -> StepInput {
        guard let sparse else { return dense }
        kernels.keep(dense.values, by: sparse.rule, into: own.mask)
        tally(own.mask, site, index, worker)
        // Without a center the codes stand as they are: the channels left out are not looked at.
        guard let center = sparse.rule.center else {
            return StepInput(values: dense.values, activations: dense.activations, mask: own.mask)
        }
        kernels.subtract(FloatSlice(center), from: dense.values, into: own.values)
        kernels.quantize(own.values, into: own.activations)
        return StepInput(values: own.values, activations: own.activations, mask: own.mask)
    }

    /// The input of a matrix stored by rows, which saves no bytes: zeros stand where channels are left out.
    func dropped(
        _ dense: StepInput, _ sparse: SparsityPlan.Input, _ own: SparseScratch, _ site: SparsitySite,
        _ index: Int, _ worker: Worker
    ) -> StepInput {
        kernels.leaveOut(dense.values, by: sparse.rule, mask: own.mask, into: own.values)
        tally(own.mask, site, index, worker)
        kernels.quantize(own.values, into: own.activations)
        return StepInput(values: own.values, activations: own.activations)
    }

    /// Workers have the same mask here, so one counts.
    private func tally(_ mask: KeepMask, _ site: SparsitySite, _ index: Int, _ worker: Worker) {
        guard worker.index == 0 else { return }
        scratch.workers[0].tally.add(mask.keptCount(), site, index)
    }
}
