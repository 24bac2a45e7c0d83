internal import WeightStore

extension Architecture {
    /// Qwen 3: no biases, and each head of queries and keys is normalised before it is turned.
    static let qwen3 = Architecture(
        name: "qwen3", activation: .silu, ropeStyle: .halves, hasHeadNorms: true,
        refusedKeys: ["expert_count": "a mixture of experts"],
        harmlessTensors: ["attn_rot_embd.weight"])
}
