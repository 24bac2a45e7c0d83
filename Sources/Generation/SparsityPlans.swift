package import Decoder

/// The sparsity that requests may ask for, by name; `dense` is always among it.
package struct SparsityPlans: Sendable {
    /// In the order they were given; the first serves requests that name none.
    package let names: [String]
    private let plans: [String: SparsityPlan]
    /// Whether prompts leave channels out too, which answers alone do otherwise.
    package let coversPrompts: Bool
    /// Tells these plans from others of the same names, read at another time.
    private let edition = Edition()

    final class Edition: Sendable {}

    /// - Parameter plans: of different names, none of them `dense`.
    package init(_ plans: [(name: String, plan: SparsityPlan)] = [], coversPrompts: Bool = false) {
        names = plans.map(\.name)
        self.plans = Dictionary(uniqueKeysWithValues: plans.map { ($0.name, $0.plan) })
        self.coversPrompts = coversPrompts
    }

    /// The same plans as `other`.
    package init(_ other: SparsityPlans, coversPrompts: Bool) {
        names = other.names
        plans = other.plans
        self.coversPrompts = coversPrompts
    }

    /// What serves a request that asks for `name`; nothing for `dense`.
    func choice(_ name: String?) -> SparsityChoice {
        let name = name ?? names.first ?? GenerationRequest.denseProfile
        return SparsityChoice(
            name: name, plan: plans[name], coversPrompts: coversPrompts, edition: edition)
    }
}

/// What one request leaves out.
struct SparsityChoice {
    let name: String
    let plan: SparsityPlan?
    let coversPrompts: Bool
    let edition: SparsityPlans.Edition

    var promptPlan: SparsityPlan? { coversPrompts ? plan : nil }

    /// Whether keys and values that were computed under the other choice serve this one.
    func agrees(with other: SparsityChoice) -> Bool {
        (plan == nil && other.plan == nil) || (name == other.name && edition === other.edition)
    }
}
