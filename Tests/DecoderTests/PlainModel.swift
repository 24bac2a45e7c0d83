import Foundation
import GGUF
import Machine
import Testing
import WeightStore

/// A transformer in plain Swift over floats decoded from the GGUF file: slow, obvious, and written without
/// looking at the decoder's code. No activation is quantised, nothing is cached, nothing is parallel.
struct PlainModel {
    let file: GGUFFile
    let shape: ModelParameters
    /// What is left of the values that come in at a site of a layer; for `channels` the activated gate.
    var remaining: (SparsitySite, Int, [Float]) -> [Float] = { _, _, values in values }

    /// Logits after the last of `tokens`.
    func logits(_ tokens: [Int32]) throws -> [Float] {
        var streams = try tokens.map { token in
            let table = try floats("token_embd.weight")
            let width = shape.embedding
            return Array(table[Int(token) * width..<(Int(token) + 1) * width])
        }
        for layer in 0..<shape.layers { try apply(layer, to: &streams) }
        let last = norm(streams[streams.count - 1], try floats("output_norm.weight"))
        let head = file.tensor(named: "output.weight") == nil ? "token_embd.weight" : "output.weight"
        return multiply(try floats(head), last)
    }

    private func apply(_ layer: Int, to streams: inout [[Float]]) throws {
        let name = "blk.\(layer)"
        let width = shape.headDimension
        let gain = try floats("\(name).attn_norm.weight")
        var queries: [[Float]] = []
        var keys: [[Float]] = []
        var values: [[Float]] = []
        for (position, stream) in streams.enumerated() {
            let x = norm(stream, gain)
            let both = remaining(.keyValueInput, layer, x)
            let query = try project("\(name).attn_q", remaining(.queryInput, layer, x))
            queries.append(try place(query, "\(name).attn_q_norm", layer, position))
            keys.append(
                try place(try project("\(name).attn_k", both), "\(name).attn_k_norm", layer, position))
            values.append(try project("\(name).attn_v", both))
        }
        let group = shape.heads / shape.keyValueHeads
        for position in streams.indices {
            var mixed: [Float] = []
            for head in 0..<shape.heads {
                let kv = head / group * width
                let q = queries[position][head * width..<(head + 1) * width]
                let scores = (0...position).map { past in
                    zip(q, keys[past][kv..<kv + width]).reduce(0) { $0 + $1.0 * $1.1 }
                        / Float(width).squareRoot()
                }
                let top = scores.max() ?? 0
                let weights = scores.map { exp($0 - top) }
                let sum = weights.reduce(0, +)
                for element in 0..<width {
                    mixed.append(
                        (0...position).reduce(0) { $0 + weights[$1] * values[$1][kv + element] } / sum)
                }
            }
            let update = try project("\(name).attn_output", remaining(.attentionOutput, layer, mixed))
            for i in update.indices { streams[position][i] += update[i] }
        }
        let ffnGain = try floats("\(name).ffn_norm.weight")
        for position in streams.indices {
            let x = norm(streams[position], ffnGain)
            let gate = try project("\(name).ffn_gate", remaining(.gateInput, layer, x))
            let up = try project("\(name).ffn_up", remaining(.upInput, layer, x))
            let active = remaining(.channels, layer, gate.map { $0 / (1 + exp(-$0)) })
            let hidden = zip(active, up).map { $0 * $1 }
            let update = try project("\(name).ffn_down", remaining(.downInput, layer, hidden))
            for i in update.indices { streams[position][i] += update[i] }
        }
    }

    /// Heads normalised where the file has a gain for it, and turned but in every fourth layer of SmolLM 3.
    private func place(_ x: [Float], _ gain: String, _ layer: Int, _ position: Int) throws -> [Float] {
        var heads = x
        if file.tensor(named: "\(gain).weight") != nil {
            let (gain, width) = (try floats("\(gain).weight"), shape.headDimension)
            heads = stride(from: 0, to: x.count, by: width).flatMap { norm(Array(x[$0..<$0 + width]), gain) }
        }
        return shape.architecture == "smollm3" && layer % 4 == 3 ? heads : rotate(heads, position)
    }

    private func project(_ name: String, _ x: [Float]) throws -> [Float] {
        let y = multiply(try floats("\(name).weight"), x)
        guard file.tensor(named: "\(name).bias") != nil else { return y }
        return zip(y, try floats("\(name).bias")).map { $0 + $1 }
    }

    private func floats(_ name: String) throws -> [Float] {
        let tensor = try #require(file.tensor(named: name))
        return tensor.decoded(in: file)
    }

    private func multiply(_ matrix: [Float], _ x: [Float]) -> [Float] {
        (0..<matrix.count / x.count).map { row in
            x.indices.reduce(0) { $0 + matrix[row * x.count + $1] * x[$1] }
        }
    }

    private func norm(_ x: [Float], _ gain: [Float]) -> [Float] {
        let mean = x.reduce(0) { $0 + $1 * $1 } / Float(x.count)
        let scale = 1 / (mean + shape.rmsEpsilon).squareRoot()
        return zip(x, gain).map { $0 * $1 * scale }
    }

    private func rotate(_ x: [Float], _ position: Int) -> [Float] {
        var y = x
        let width = shape.headDimension
        let half = width / 2
        for head in stride(from: 0, to: x.count, by: width) {
            for pair in 0..<half {
                let theta = Float(position) * pow(shape.rope.base, -Float(2 * pair) / Float(width))
                let (a, b) =
                    shape.rope.style == .interleaved
                    ? (head + 2 * pair, head + 2 * pair + 1) : (head + pair, head + pair + half)
                y[a] = x[a] * cos(theta) - x[b] * sin(theta)
                y[b] = x[a] * sin(theta) + x[b] * cos(theta)
            }
        }
        return y
    }
}
