internal import Kernels
internal import Machine
internal import Tokenizer

/// Reads log-probabilities off logits.
struct LogProbabilities {
    private let logits: FloatSlice
    private let normaliser: Float

    /// - Parameter logits: before penalties and temperature.
    init(_ logits: FloatSlice, kernels: KernelSet) {
        self.logits = logits
        normaliser = Float(kernels.logSumExp(logits))
    }

    func callAsFunction(_ token: TokenID) -> Float { logits[Int(token)] - normaliser }

    /// The `count` most probable tokens, best first, the lower id first among equals.
    func best(_ count: Int) -> [(id: TokenID, logProbability: Float)] {
        guard count > 0 else { return [] }
        var top: [(id: TokenID, logProbability: Float)] = []
        logits.buffer.withSpan(logits.start..<logits.start + logits.count) { values in
            for index in values.indices {
                let value = values[index]
                if let last = top.last, top.count == count, !(value > last.logProbability) { continue }
                if value.isNaN { continue }
                let place = top.firstIndex { value > $0.logProbability } ?? top.count
                top.insert((TokenID(index), value), at: place)
                if top.count > count { top.removeLast() }
            }
        }
        return top.map { ($0.id, $0.logProbability - normaliser) }
    }
}
