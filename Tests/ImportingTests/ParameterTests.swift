import Support
import Tensors
import Testing
import WeightStore

@testable import Importing

@Suite struct ParameterTests {
    private func parameters(_ model: SmallModel) throws -> ModelParameters {
        try withTemporaryDirectory { folder in
            try model.write(to: folder + "/model.gguf")
            let source = try SourceModel(path: folder + "/model.gguf")
            return try source.parameters(try source.architecture())
        }
    }

    @Test func llamaTakesItsNumbersFromTheFile() throws {
        #expect(
            try parameters(SmallModel(.q8_0))
                == ModelParameters(
                    architecture: "llama", name: "small", layers: 1, embedding: 96, feedForward: 160,
                    heads: 4,
                    keyValueHeads: 2, headDimension: 24, vocabulary: 40, contextLength: 128, rmsEpsilon: 1e-5,
                    activation: .silu,
                    rope: RotaryParameters(dimension: 24, base: 10000, style: .interleaved, scaling: .none)))
    }

    @Test func qwen2TurnsHalves() throws {
        var model = SmallModel(.q8_0, architecture: "qwen2")
        model.set("qwen2.rope.freq_base", .float32(1e6))
        let rope = try parameters(model).rope
        #expect(rope == RotaryParameters(dimension: 24, base: 1e6, style: .halves, scaling: .none))
    }

    @Test func familiesDifferInTheirAttention() throws {
        let qwen3 = try parameters(SmallModel(.q8_0, architecture: "qwen3"))
        #expect(qwen3.headNorms == true && qwen3.rope.style == .halves && qwen3.turns(layer: 3))
        let smollm3 = try parameters(SmallModel(.q8_0, architecture: "smollm3"))
        #expect(smollm3.headNorms == nil && smollm3.rope.style == .interleaved)
        #expect((0..<8).filter { !smollm3.turns(layer: $0) } == [3, 7])
    }

    @Test func theFileNameStandsInForAMissingName() throws {
        var model = SmallModel(.q8_0)
        model.set("general.name", nil)
        #expect(try parameters(model).name == "model.gguf")
    }

    /// Some converters write one number of heads per layer.
    @Test func equalNumbersPerLayerAreOneNumber() throws {
        var model = SmallModel(.q8_0)
        model.set("llama.attention.head_count_kv", .int32s([2]))
        #expect(try parameters(model).keyValueHeads == 2)
        model.set("llama.attention.head_count_kv", .int32s([2, 1]))
        #expect(throws: ImportError.self) { try parameters(model) }
    }

    /// Factors as llama.cpp reads them: no type means linear, no factor means none.
    @Test(
        arguments: [
            (nil, nil, RotaryParameters.Scaling.none), ("none", 4, .none), ("linear", nil, .none),
            ("linear", 0, .none), ("linear", 4, .linear(factor: 4)), (nil, 2.5, .linear(factor: 2.5)),
            (
                "yarn", 4,
                .yarn(
                    factor: 4, originalContext: 128, extrapolation: 1, attention: 1, betaFast: 32, betaSlow: 1
                )
            ),
        ] as [(String?, Float?, RotaryParameters.Scaling)])
    func scalingFollowsItsType(type: String?, factor: Float?, expected: RotaryParameters.Scaling) throws {
        var model = SmallModel(.q8_0)
        if let type { model.set("llama.rope.scaling.type", .string(type)) }
        if let factor { model.set("llama.rope.scaling.factor", .float32(factor)) }
        #expect(try parameters(model).rope.scaling == expected)
    }

    @Test func yarnTakesItsOriginalContextAndAttentionFactor() throws {
        var model = SmallModel(.q8_0)
        model.set("llama.rope.scaling.type", .string("yarn"))
        model.set("llama.rope.scaling.factor", .float32(8))
        model.set("llama.rope.scaling.original_context_length", .uint32(32))
        model.set("llama.rope.scaling.attn_factor", .float32(0.5))
        #expect(
            try parameters(model).rope.scaling
                == .yarn(
                    factor: 8, originalContext: 32, extrapolation: 1, attention: 0.5, betaFast: 32,
                    betaSlow: 1))
    }
}
