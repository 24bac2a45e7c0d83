internal import Tensors

/// The tensors that foretell the head, which a store has all of or none: `W x ≈ weights · (basis · x) + base`.
package enum HeadPreviewName {
    package static let basis = "head_preview.basis"
    package static let weights = "head_preview.weights"
    package static let base = "head_preview.base"
    package static let all = [basis, weights, base]
}

/// Rough rows of the head, which say which words cannot be the likeliest, and a factor of each of their columns: the exact
/// weights are so many times those that the rough ones stand for. Negative are the factors of the columns that have a byte.
package enum HeadBoundsName {
    package static let rows = "head_bounds.rows"
    package static let factors = "head_bounds.factors"
}

extension ModelParameters {
    /// The rank of a preview of the head: about a sixth of the width, in whole units of packed codes.
    package var previewRank: Int { WeightForm.padded((embedding + 5) / 6) }
}

/// Which tensors a model must have, may have, and how large they are.
package enum TensorCatalogue {
    /// A tensor's role by its name in the store.
    package enum Shape: Equatable, Sendable {
        case vector(Int)
        case rows(Int, Int)
        case channels(outputs: Int, channels: Int)
        case bundle(inputs: Int, channels: Int, outputs: Int)
        case rough(Int, Int)

        package init(_ layout: StoredTensor.Layout) {
            self =
                switch layout {
                case .vector(let count): .vector(count)
                case .rows(_, let rows, let columns): .rows(rows, columns)
                case .channels(_, let outputs, let channels): .channels(outputs: outputs, channels: channels)
                case .bundle(_, _, let inputs, let channels, let outputs):
                    .bundle(inputs: inputs, channels: channels, outputs: outputs)
                case .rough(let rows, let columns): .rough(rows, columns)
                }
        }
    }

    /// Every tensor of a model, in the order in which a step reads them.
    package static func shapes(of model: ModelParameters) -> [(name: String, shape: Shape, isRequired: Bool)]
    {
        let (width, head) = (model.embedding, model.headDimension)
        let (queries, keys) = (model.heads * head, model.keyValueHeads * head)
        var all: [(name: String, shape: Shape, isRequired: Bool)] = [
            ("token_embd", .rows(model.vocabulary, width), true),
            ("rope_freqs", .vector(model.rope.dimension / 2), false),
        ]
        for layer in 0..<model.layers {
            let prefix = "blk.\(layer)."
            if model.headNorms == true {
                all += ["attn_q_norm", "attn_k_norm"].map { (prefix + $0, .vector(head), true) }
            }
            all += [
                (prefix + "attn_norm", .vector(width), true),
                (prefix + "attn_q", .channels(outputs: queries, channels: width), true),
                (prefix + "attn_q.bias", .vector(queries), false),
                (prefix + "attn_k", .rows(keys, width), true),
                (prefix + "attn_k.bias", .vector(keys), false),
                (prefix + "attn_v", .rows(keys, width), true),
                (prefix + "attn_v.bias", .vector(keys), false),
                (prefix + "attn_output", .channels(outputs: width, channels: queries), true),
                (prefix + "attn_output.bias", .vector(width), false),
                (prefix + "ffn_norm", .vector(width), true),
                (prefix + "ffn_gate", .channels(outputs: model.feedForward, channels: width), true),
                (prefix + "ffn", .bundle(inputs: width, channels: model.feedForward, outputs: width), true),
            ]
        }
        all += [("output_norm", .vector(width), true), ("output", .rows(model.vocabulary, width), false)]
        all += [
            (HeadBoundsName.rows, .rough(model.vocabulary, width), false),
            (HeadBoundsName.factors, .vector(width), false),
        ]
        let rank = model.previewRank
        all += [
            (HeadPreviewName.basis, .rows(rank, width), false),
            (HeadPreviewName.weights, .channels(outputs: model.vocabulary, channels: rank), false),
            (HeadPreviewName.base, .vector(model.vocabulary), false),
        ]
        return all
    }
}
