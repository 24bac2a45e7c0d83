internal import WeightStore

extension Architecture {
    /// Llama 1 to 3 and what shares their file format: Mistral, TinyLlama, SmolLM, and others.
    ///
    /// The converter permutes the rows of `attn_q` and `attn_k`, so that rotary pairs are neighbours.
    /// `attention.sliding_window` may be there (Mistral 7B v0.1); no reader of this family uses it.
    static let llama = Architecture(
        name: "llama", activation: .silu, ropeStyle: .interleaved,
        refusedKeys: [
            "expert_count": "a mixture of experts",
            "embedding_scale": "a Granite model, which scales its embeddings",
            "residual_scale": "a Granite model, which scales its residuals",
            "logit_scale": "a Granite model, which scales its logits",
        ],
        harmlessTensors: ["attn_rot_embd.weight", "attn.rotary_emb.inv_freq"])
}
