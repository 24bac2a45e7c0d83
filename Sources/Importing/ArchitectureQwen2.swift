internal import WeightStore

extension Architecture {
    /// Qwen 1.5, 2 and 2.5: biases on q, k and v, and rotary pairs half a head apart.
    static let qwen2 = Architecture(
        name: "qwen2", activation: .silu, ropeStyle: .halves,
        refusedKeys: ["expert_count": "a mixture of experts"],
        harmlessTensors: ["attn_rot_embd.weight"])
}
