/// Why a store cannot be decoded.
package enum DecoderError: Error, Equatable, CustomStringConvertible {
    /// The tensor's layout or dimensions are not what the hyperparameters call for.
    case unexpectedLayout(path: String, tensor: String, found: String, expected: String)
    case contextTooLong(path: String, asked: Int, trained: Int)
    /// What must be in memory is more than the process may take.
    case budgetTooSmall(path: String, budget: Int, needed: Int)
    /// Weights that do not fit the budget were to stay in the page cache.
    case mappedWithinBudget(path: String, budget: Int)

    package var description: String {
        switch self {
        case .unexpectedLayout(let path, let tensor, let found, let expected):
            "\(path): \(tensor) is \(found), the model's parameters call for \(expected); import the model again"
        case .contextTooLong(let path, let asked, let trained):
            "\(path): a context of \(asked) was asked for, the model was trained for \(trained); lower --context"
        case .budgetTooSmall(let path, let budget, let needed):
            "\(path): at least \(mebibytes(needed)) MiB must be in memory, the budget is \(mebibytes(budget)) MiB; "
                + "lower --context, use a profile that thins the gate, or raise --memory-budget"
        case .mappedWithinBudget(let path, let budget):
            "\(path): the weights do not fit the budget of \(mebibytes(budget)) MiB, so they cannot be mapped; leave out "
                + "--weights mapped, or raise --memory-budget"
        }
    }
    private func mebibytes(_ bytes: Int) -> Int { (bytes + (1 << 20) - 1) >> 20 }
}
