import FoundationEssentials
import Machine
import Support
import Tensors
import Tokenizer

@testable import WeightStore

/// A small but complete store on disk: one layer, every layout, raw, compressed and split segments.
struct StoreFixture {
    let folder: String
    /// The whole file.
    let bytes: [UInt8]
    let metadata: StoreMetadata

    var path: String { folder + "/small.chess" }

    static let model = ModelParameters(
        architecture: "llama", name: "small", layers: 1, embedding: 256, feedForward: 64, heads: 4,
        keyValueHeads: 2, headDimension: 16, vocabulary: 300, contextLength: 64, rmsEpsilon: 1e-5,
        activation: .silu,
        rope: RotaryParameters(dimension: 16, base: 10000, style: .interleaved, scaling: .linear(factor: 2)))

    static let vocabulary = Vocabulary(
        model: "gpt2", preTokenizer: "smollm", tokens: (0..<300).map { Array("token\($0)".utf8) },
        scores: [1, -2.5], types: [1, 3, 6], merges: [Array("a b".utf8), []], bos: 1, eos: nil, eot: 7,
        unknown: 0, padding: nil, addBOS: true, addEOS: false, addSpacePrefix: nil)

    /// Writes the store to a new folder, which the caller removes.
    init(vocabulary: Vocabulary = Self.vocabulary) throws {
        folder = try temporaryDirectory()
        let path = folder + "/small.chess"
        var writer = try StoreWriter(path: path, overwrite: false, vocabulary: vocabulary)
        var entries: [TensorEntry] = []
        for (name, layout, encoding) in Self.tensors {
            entries.append(try Self.append(name, layout, encoding, to: &writer))
        }
        metadata = StoreMetadata(
            model: Self.model, tensors: entries, chatTemplate: "{{ messages }}",
            general: ["general.license": "none"],
            provenance: Provenance(
                sourceName: "small.gguf", sourceBytes: 1, sourceSHA256: String(repeating: "0", count: 64),
                importedAt: "2026-01-01T00:00:00Z", importer: "test", compression: "auto"))
        _ = try writer.finish(metadata)
        bytes = Array(try Data(contentsOf: URL(filePath: path)))
    }

    /// Each form at least once, in an encoding.
    static let tensors: [(String, StoredTensor.Layout, SegmentEncoding)] = [
        // Over 64 KiB, so that it begins at a page.
        ("token_embd", .rows(form: .q8_0, rows: 300, columns: 256), .raw),
        ("blk.0.attn_norm", .vector(count: 256), .raw),
        ("blk.0.attn_q", .channels(form: .q6_K, outputs: 64, channels: 256), .zstd),
        ("blk.0.attn_q.bias", .vector(count: 64), .raw),
        ("blk.0.attn_k", .rows(form: .float(.bf16), rows: 32, columns: 256), .zstdSplit),
        ("blk.0.attn_v", .rows(form: .q5_1, rows: 32, columns: 256), .zstd),
        ("blk.0.attn_output", .channels(form: .float(.f16), outputs: 256, channels: 64), .zstdSplit),
        ("blk.0.ffn_norm", .vector(count: 256), .raw),
        ("blk.0.ffn_gate", .channels(form: .q4_K, outputs: 64, channels: 256), .raw),
        ("blk.0.ffn", .bundle(up: .q3_K, down: .q4_1, inputs: 256, channels: 64, outputs: 256), .zstd),
        ("output_norm", .vector(count: 256), .raw),
    ]

    /// The tensor whose records lie backwards.
    static let arranged = "blk.0.attn_output"

    /// The bytes of a segment: an arithmetic anyone can redo, half of it random enough not to shrink.
    static func content(_ name: String, byteCount: Int) -> [UInt8] {
        var state = UInt32(name.utf8.reduce(7) { $0 &* 31 &+ UInt32($1) })
        return (0..<byteCount).map { index in
            state = state &* 1_664_525 &+ 1_013_904_223
            return index / 512 % 2 == 0 ? UInt8(state >> 24) : UInt8(index % 16)
        }
    }

    private static func append(
        _ name: String, _ layout: StoredTensor.Layout, _ encoding: SegmentEncoding,
        to writer: inout StoreWriter
    ) throws(StoreError) -> TensorEntry {
        func segment(
            _ kind: Segment.Kind, _ encoding: SegmentEncoding, _ raw: [UInt8], _ frameBytes: Int
        ) throws(StoreError) -> Int {
            let number = try writer.beginSegment(
                kind, encoding: encoding, rawBytes: raw.count, frameBytes: frameBytes)
            try writer.append(FrameEncoder(encoding: encoding, level: 3, frameBytes: frameBytes).encode(raw))
            writer.endSegment()
            return number
        }
        var raw = content(name, byteCount: layout.elementBytes)
        if name == arranged {
            let (content, bytes) = (raw, layout.recordBytes)
            raw = (0..<layout.recordCount).reversed().flatMap { content[$0 * bytes..<($0 + 1) * bytes] }
        }
        var entry = TensorEntry(name: name, layout: layout, elements: 0, planes: nil)
        entry.elements = try segment(
            .elements, encoding, raw, layout.frameBytes(isFetched: name == "token_embd"))
        if layout.planeBytes > 0 {
            entry.planes = try segment(
                .planes, .zstd, content(name + " planes", byteCount: layout.planeBytes),
                layout.planeFrameBytes)
        }
        if name == arranged {
            var order = ByteWriter()
            for record in (0..<UInt32(layout.recordCount)).reversed() { order.append(record) }
            entry.order = try segment(.order, .raw, order.bytes, order.bytes.count)
        }
        return entry
    }

    /// Puts other bytes in the file's place.
    func replace(_ bytes: [UInt8]) throws { try write(bytes, to: path) }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }
}

extension ByteRegion {
    /// A copy of all bytes.
    var copy: [UInt8] {
        switch backing {
        case .mapped(let file): file.bytes(range)
        case .resident(let buffer): buffer.elements(range)
        }
    }
}
