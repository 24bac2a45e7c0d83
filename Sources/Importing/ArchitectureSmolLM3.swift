internal import WeightStore

extension Architecture {
    /// SmolLM 3: a llama whose every fourth layer knows no positions.
    static let smollm3 = Architecture(
        name: "smollm3", activation: .silu, ropeStyle: .interleaved, unturnedEach: 4,
        refusedKeys: ["expert_count": "a mixture of experts"],
        harmlessTensors: ["attn_rot_embd.weight", "attn.rotary_emb.inv_freq"])
}
