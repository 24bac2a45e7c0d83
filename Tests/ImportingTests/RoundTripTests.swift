import GGUF
import Support
import Tensors
import Testing
import Tokenizer
import WeightStore

@testable import Importing

@Suite struct RoundTripTests {
    /// Every weight of every tensor, bit for bit, for every type and every way of storing it.
    @Test(arguments: ElementType.allCases, [Compression.none, .auto, .zstd(level: 3)])
    func everyWeightIsExact(type: ElementType, compression: Compression) async throws {
        try await withTemporaryDirectory { folder in
            let (source, target) = (folder + "/model.gguf", folder + "/model.chess")
            try SmallModel(type).write(to: source)
            _ = try await importModel(source, target, compression)
            let store = try WeightStore(path: target, threads: 2)
            let gguf = try GGUFFile(path: source)
            let exact = store.tensors.values.filter { !$0.name.hasPrefix("head_bounds.") }
            for tensor in exact {
                for (name, weight) in weights(of: tensor) {
                    let expected = try #require(gguf.tensor(named: name))
                    let floats = expected.decoded(in: gguf)
                    var wrong = 0
                    for index in floats.indices
                    where weight(index / expected.columns, index % expected.columns).bitPattern
                        != floats[index].bitPattern
                    {
                        wrong += 1
                    }
                    #expect(wrong == 0, "\(name): \(wrong) of \(floats.count) weights differ")
                }
            }
            #expect(exact.count == gguf.tensors.count - 1)  // up and down became one
        }
    }

    /// The tensors of the source that a stored one holds, each with its weight at `[row, column]`.
    private func weights(of tensor: StoredTensor) -> [(String, (Int, Int) -> Float)] {
        let reader = PlainStoreReader(tensor)
        switch tensor.layout {
        case .vector: return [(tensor.name + ".weight", { reader.vector($1) })]
        case .rows: return [(tensor.name + ".weight", reader.row)]
        case .channels: return [(tensor.name + ".weight", reader.channel)]
        case .bundle:
            return [(tensor.name + "_up.weight", reader.row), (tensor.name + "_down.weight", reader.channel)]
        case .rough: return []
        }
    }

    /// Rough rows are off by no more than they say, in the mean square, whatever the weights are.
    @Test(arguments: [ElementType.q8_0, .q6_K, .f16, .f32], [true, false])
    func roughRowsKnowHowRoughTheyAre(type: ElementType, isTied: Bool) async throws {
        try await withTemporaryDirectory { folder in
            let (source, target) = (folder + "/model.gguf", folder + "/model.chess")
            var model = SmallModel(type, embedding: 768)
            if !isTied { model.addMatrix("output.weight", 40, 768) }
            try model.write(to: source)
            _ = try await importModel(source, target, .none)
            let store = try WeightStore(path: target, threads: 1)
            let factors = PlainStoreReader(try store.tensor(HeadBoundsName.factors))
            let all = (0..<768).map(factors.vector)
            let fine = all.indices.filter { all[$0] < 0 }
            let order = fine + all.indices.filter { all[$0] >= 0 }
            let layout = RoughRows(columns: 768)
            #expect(fine.count == layout.fine)
            let gguf = try GGUFFile(path: source)
            let head = try #require(gguf.tensor(named: isTied ? "token_embd.weight" : "output.weight"))
            let floats = head.decoded(in: gguf)
            let rough = PlainStoreReader(try store.tensor(HeadBoundsName.rows))
            for row in 0..<40 {
                let weights = order.map { floats[row * 768 + $0] / abs(all[$0]) }
                let (read, deviation) = rough.roughRow(row)
                let rests = zip(weights, read).map { $0 - $1 }
                let squares = rests[layout.fine...].reduce(0) { $0 + $1 * $1 }
                let count = Float(768 - layout.fine)
                #expect((squares / count).squareRoot() <= deviation * 1.0001)
                // What is off is no part of the weights: else the likeliest words would seem less likely than they are.
                let along = zip(weights, rests).dropFirst(layout.fine).reduce(0) { $0 + $1.0 * $1.1 }
                #expect(abs(along) < 0.002 * count)
                #expect((weights.reduce(0) { $0 + $1 * $1 } / 768).squareRoot() <= 4.1 * deviation)
                #expect(rests[..<layout.fine].allSatisfy { abs($0) <= deviation / 5.9 })
                // Two bits leave a third of a deviation, and a byte next to nothing.
                #expect(deviation < 0.7, "of weights around 1")
            }
        }
    }

    /// A row of what is no number is never left out.
    @Test func rowsThatCannotBeBoundedAreSaidToBe() async throws {
        try await withTemporaryDirectory { folder in
            let (source, target) = (folder + "/model.gguf", folder + "/model.chess")
            var model = SmallModel(.f32, embedding: 256)
            var values = (0..<40 * 256).map { Float($0 % 7) }
            (values[700], values[1500], values[3000]) = (.nan, .infinity, 3e38)
            model.builder.add(
                "output.weight", .f32, shape: [40, 256],
                bytes: values.flatMap { littleEndian($0.bitPattern) })
            try model.write(to: source)
            _ = try await importModel(source, target, .none)
            let store = try WeightStore(path: target, threads: 1)
            let rough = PlainStoreReader(try store.tensor(HeadBoundsName.rows))
            for row in 0..<40 {
                let isBounded = ![700 / 256, 1500 / 256].contains(row)
                #expect(rough.roughRow(row).deviation.isFinite == isBounded, "\(row)")
            }
        }
    }

    @Test func upAndDownMayDiffer() async throws {
        try await withTemporaryDirectory { folder in
            let (source, target) = (folder + "/model.gguf", folder + "/model.chess")
            var model = SmallModel(.q4_K)
            model.remove("blk.0.ffn_down.weight")
            model.addMatrix("blk.0.ffn_down.weight", model.embedding, model.feedForward, .q6_K)
            try model.write(to: source)
            _ = try await importModel(source, target, .auto)
            let tensor = try WeightStore(path: target, threads: 1).tensor("blk.0.ffn")
            #expect(
                tensor.layout == .bundle(up: .q4_K, down: .q6_K, inputs: 256, channels: 512, outputs: 256))
            let gguf = try GGUFFile(path: source)
            let floats = try #require(gguf.tensor(named: "blk.0.ffn_down.weight")).decoded(in: gguf)
            let reader = PlainStoreReader(tensor)
            for index in floats.indices { #expect(reader.channel(index / 512, index % 512) == floats[index]) }
        }
    }

    /// Two panels of channels and several frames: 2 MB of codes and more.
    @Test func largeTensorsAreCutAndJoined() async throws {
        try await withTemporaryDirectory { folder in
            let (source, target) = (folder + "/model.gguf", folder + "/model.chess")
            var model = SmallModel(.q8_0)
            for name in ["up", "gate"] {
                model.remove("blk.0.ffn_\(name).weight")
                model.addMatrix("blk.0.ffn_\(name).weight", 22_400, model.embedding)
            }
            model.remove("blk.0.ffn_down.weight")
            model.addMatrix("blk.0.ffn_down.weight", model.embedding, 22_400)
            model.set("llama.feed_forward_length", .uint32(22_400))
            try model.write(to: source)
            _ = try await importModel(source, target, .none)
            let store = try WeightStore(path: target, threads: 2)
            let gguf = try GGUFFile(path: source)
            let bundle = PlainStoreReader(try store.tensor("blk.0.ffn"))
            let gate = PlainStoreReader(try store.tensor("blk.0.ffn_gate"))
            let sources = try ["up", "down", "gate"].map {
                try #require(gguf.tensor(named: "blk.0.ffn_\($0).weight")).decoded(in: gguf)
            }
            var numbers = SplitMix64(seed: 3)
            for _ in 0..<5_000 {
                let channel = Int.random(in: 0..<22_400, using: &numbers)
                let other = Int.random(in: 0..<96, using: &numbers)
                #expect(bundle.row(channel, other) == sources[0][channel * 96 + other])
                #expect(bundle.channel(other, channel) == sources[1][other * 22_400 + channel])
                #expect(gate.channel(channel, other) == sources[2][channel * 96 + other])
            }
        }
    }

    @Test(arguments: [ElementType.f16, .bf16]) func halfVectorsWidenExactly(type: ElementType) async throws {
        try await withTemporaryDirectory { folder in
            let (source, target) = (folder + "/model.gguf", folder + "/model.chess")
            var model = SmallModel(.q4_0)
            model.remove("output_norm.weight")
            // 1, -2 and the least normal number, in either format.
            let bits: [UInt16] = type == .f16 ? [0x3C00, 0xC000, 0x0400] : [0x3F80, 0xC000, 0x0080]
            let all = bits + [UInt16](repeating: 0, count: model.embedding - 3)
            model.builder.add(
                "output_norm.weight", type, shape: [model.embedding], bytes: all.flatMap { littleEndian($0) })
            try model.write(to: source)
            _ = try await importModel(source, target, .auto)
            let reader = PlainStoreReader(try WeightStore(path: target, threads: 1).tensor("output_norm"))
            #expect(reader.vector(0) == 1)
            #expect(reader.vector(1) == -2)
            #expect(reader.vector(2) == (type == .f16 ? 0x1p-14 : 0x1p-126))
            #expect(reader.vector(3) == 0)
        }
    }

    @Test func theReportAndTheProvenanceAgreeWithTheFile() async throws {
        try await withTemporaryDirectory { folder in
            let (source, target) = (folder + "/model.gguf", folder + "/model.chess")
            try SmallModel(.q4_K, architecture: "qwen2").write(to: source)
            let report = try await importModel(source, target, .zstd(level: 5))
            let store = try WeightStore(path: target, threads: 1)
            #expect(report.metadata == store.metadata)
            #expect(report.fileBytes == store.fileBytes)
            #expect(report.rows.reduce(0) { $0 + $1.rawBytes } == store.rawBytes)
            #expect(report.rows.reduce(0) { $0 + $1.storedBytes } == store.storedBytes)
            var hash = SHA256()
            hash.update(try MappedBytes.of(source))
            #expect(store.provenance.sourceSHA256 == SHA256.hexadecimal(hash.digest()))
            #expect(store.provenance.sourceName == "model.gguf")
            #expect(store.provenance.compression == "zstd:5")
            #expect(store.metadata.general["general.license"] == "none")
            #expect(store.chatTemplate == "{{ bos_token }}")
            #expect(store.tensors["blk.0.attn_q.bias"]?.layout == .vector(count: 256))
            let text = try TextParts(path: target)
            #expect(text.vocabulary == (try TextParts(path: source).vocabulary))
            #expect(text.vocabulary.padding == nil && text.vocabulary.bos == 1)
        }
    }
}
