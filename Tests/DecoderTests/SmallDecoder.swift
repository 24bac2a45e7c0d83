import GGUF
import Importing
import Kernels
import Machine
import Support
import Tensors
import WeightStore

@testable import Decoder

/// Imports the model and runs `body` with a decoder and the GGUF file it came from.
func withDecoder<R>(
    _ type: ElementType, _ architecture: String, layers: Int = 1, kernels: KernelSet, threads: Int,
    cacheFormat: CacheFormat = .half, _ body: (Decoder, GGUFFile) throws -> R
) async throws -> R {
    try await withTemporaryDirectory { folder in
        let source = "\(folder)/m.gguf"
        let target = "\(folder)/m.chess"
        try SmallModel(type, architecture: architecture, layers: layers).write(to: source)
        _ = try await Importer.run(
            source: source, target: target, compression: .none, overwrite: false, threads: 2,
            importer: "test", progress: { _ in })
        let store = try WeightStore(path: target, threads: 2)
        return try body(
            try Decoder(
                store: store, kernels: kernels, context: 64, threads: threads, cacheFormat: cacheFormat),
            try GGUFFile(path: source))
    }
}

func logits(_ decoder: Decoder) -> [Float] {
    decoder.logits.buffer.elements(0..<decoder.logits.count)
}

/// |a - b| over |b|, both as Euclidean lengths.
func distance(_ a: [Float], _ b: [Float]) -> Float {
    let difference = zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (difference / b.reduce(0) { $0 + $1 * $1 }).squareRoot()
}
