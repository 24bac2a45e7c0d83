import FoundationEssentials
import Support
import Synchronization
import Tensors
import Testing
import WeightStore

@testable import Importing

/// What cannot be imported says why, and leaves nothing behind.
@Suite struct RefusalTests {
    /// The error of importing a changed model, `FOLDER` standing for its folder.
    private func error(_ change: (inout SmallModel) -> Void) async throws -> String {
        try await withTemporaryDirectory { folder in
            var model = SmallModel(.q8_0)
            change(&model)
            try model.write(to: folder + "/model.gguf")
            let error = await #expect(throws: ImportError.self) {
                try await importModel(folder + "/model.gguf", folder + "/model.chess", .none)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["model.gguf"])
            let text = error?.description ?? "no error"
            #expect(text.hasPrefix(folder + "/model.gguf: "))
            return String(text.dropFirst(folder.count + "/model.gguf: ".count))
        }
    }

    @Test func unknownArchitecturesAreNamedBesideTheKnown() async throws {
        #expect(
            try await error { $0.set("general.architecture", .string("mamba")) }
                == "general.architecture is \"mamba\", supported are llama, qwen2, qwen3, smollm3; choose a model of one of these"
        )
    }

    @Test func missingKeysAreNamed() async throws {
        #expect(
            try await error { $0.set("llama.block_count", nil) }
                == "there is no key \"llama.block_count\"; convert the model again, or choose another file")
    }

    @Test func mixturesOfExpertsAreRefused() async throws {
        #expect(
            try await error { $0.set("llama.expert_count", .uint32(8)) }
                == "key \"llama.expert_count\" says that this is a mixture of experts, which is not supported; "
                + "choose a plain model")
    }

    @Test func noExpertsAreNoMixture() async throws {
        try await withTemporaryDirectory { folder in
            var model = SmallModel(.q8_0)
            model.set("llama.expert_count", .uint32(0))
            model.set("llama.attention.sliding_window", .uint32(4096))
            try model.write(to: folder + "/model.gguf")
            _ = try await importModel(folder + "/model.gguf", folder + "/model.chess", .none)
        }
    }

    @Test func unknownRopeScalingIsRefused() async throws {
        #expect(
            try await error { $0.set("llama.rope.scaling.type", .string("longrope")) }
                == "key \"llama.rope.scaling.type\": \"longrope\" is not supported, only none, linear and yarn; "
                + "convert the model again")
    }

    @Test func headsThatDoNotDivideAreRefused() async throws {
        #expect(
            try await error { $0.set("llama.attention.head_count_kv", .uint32(3)) }
                == "4 heads cannot share 3 key/value heads evenly; convert the model again, or choose another"
        )
    }

    @Test func oddHeadDimensionsAreRefused() async throws {
        #expect(
            try await error {
                $0.set("llama.attention.key_length", .uint32(20))
                $0.set("llama.attention.value_length", .uint32(20))
            } == "head dimension 20 is not a multiple of 8; convert the model again, or choose another")
    }

    @Test func shapesAreHeldAgainstTheHyperparameters() async throws {
        #expect(
            try await error { $0.set("llama.feed_forward_length", .uint32(161)) }
                == "tensor \"blk.0.ffn_gate.weight\" is [96, 160], the hyperparameters say [96, 161]; "
                + "convert the model again")
    }

    @Test func theVocabularyIsHeldAgainstTheEmbedding() async throws {
        #expect(
            try await error { $0.set("tokenizer.ggml.tokens", .strings(["a", "b"])) }
                == "the tokenizer has 2 tokens, the embedding 40 rows; convert the model again, or choose another"
        )
    }

    @Test func missingTensorsAreNamed() async throws {
        #expect(
            try await error { $0.remove("blk.0.ffn_down.weight") }
                == "there is no tensor \"blk.0.ffn_down.weight\"; the file may hold a vocabulary only, "
                + "or be a part of a model")
    }

    @Test func tensorsWithoutAPlaceAreRefused() async throws {
        #expect(
            try await error { $0.addVector("blk.0.ffn_up.bias", 160) }
                == "tensor \"blk.0.ffn_up.bias\" has no place in a model of architecture llama; "
                + "without it the answers would be wrong, so choose another model")
    }

    @Test func quantisedVectorsAreRefused() async throws {
        #expect(
            try await error { model in
                model.remove("output_norm.weight")
                model.builder.add(
                    "output_norm.weight", .q8_0, shape: [96], bytes: [UInt8](repeating: 0, count: 102))
            } == "tensor \"output_norm.weight\" is of type Q8_0, supported are F32, F16, BF16; "
                + "choose another quantisation")
    }

    @Test func harmlessTensorsAreIgnoredAndListed() async throws {
        try await withTemporaryDirectory { folder in
            var model = SmallModel(.q8_0)
            model.addVector("blk.0.attn_rot_embd.weight", 12)
            try model.write(to: folder + "/model.gguf")
            let report = try await importModel(folder + "/model.gguf", folder + "/model.chess", .none)
            #expect(report.ignored == ["blk.0.attn_rot_embd.weight"])
        }
    }

    @Test func aModelMayNotReplaceItsSource() async throws {
        try await withTemporaryDirectory { folder in
            try SmallModel(.q8_0).write(to: folder + "/model.gguf")
            let error = await #expect(throws: ImportError.self) {
                try await importModel(
                    folder + "/model.gguf", folder + "/./model.gguf", .none, overwrite: true)
            }
            #expect(
                error?.description.hasSuffix("is the source itself; choose another name for the store")
                    == true)
        }
    }

    @Test func aCancelledImportLeavesNothing() async throws {
        try await withTemporaryDirectory { folder in
            try SmallModel(.q8_0).write(to: folder + "/model.gguf")
            let task = Mutex<Task<Void, any Error>?>(nil)
            let running = Task {
                try await importModel(folder + "/model.gguf", folder + "/model.chess", .none) { _ in
                    task.withLock { $0?.cancel() }
                }
                return ()
            }
            task.withLock { $0 = running }
            running.cancel()
            await #expect(throws: CancellationError.self) { try await running.value }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["model.gguf"])
        }
    }

    /// Whatever a bit of the source says: an import, or an error of ours; never a trap.
    @Test(arguments: 0..<4) func damagedSourcesNeverTrap(part: UInt64) async throws {
        try await withTemporaryDirectory { folder in
            let good = SmallModel(.q4_1)
            let header = good.builder.header().count
            var bytes = good.builder.encoded()
            var numbers = SplitMix64(seed: 9 + part)
            for _ in 0..<100 {
                let place = Int.random(in: 0..<header, using: &numbers)
                let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &numbers)
                bytes[place] ^= bit
                try write(bytes, to: folder + "/model.gguf")
                do {
                    _ = try await importModel(
                        folder + "/model.gguf", folder + "/model.chess", .none, overwrite: true)
                } catch let error as ImportError {
                    #expect(error.description.hasPrefix(folder), "\(error)")
                }
                bytes[place] ^= bit
            }
        }
    }

    /// 1 MiB that shrinks by 10 % and unpacks in 1 ms on one thread.
    @Test(
        arguments: [
            // By size alone; from an SD card; from a disk that reads 2 GB/s, which is done before unpacking is.
            (nil, 2, true), (90e6, 2, true), (2e9, 2, false), (90e6, 1, false), (90e6, 16, true),
        ] as [(Double?, Int, Bool)])
    func compressionIsWeighedAgainstStorage(rate: Double?, threads: Int, expected: Bool) {
        let rule = CompressionRule(.auto, storageRate: rate, threads: threads)
        let raw = 1 << 20
        #expect(rule.isWorthwhile(raw: raw, stored: raw / 10 * 9, secondsToUnpack: 1e-3) == expected)
    }

    @Test(
        arguments: [
            ("auto", Compression.auto), ("none", Compression.none), ("zstd", .zstd(level: 9)),
            ("zstd:19", .zstd(level: 19)),
            ("zstd:0", nil), ("zstd:", nil), ("lz4", nil), ("none:1", nil), ("", nil),
        ] as [(String, Compression?)])
    func compressionIsReadFromText(text: String, expected: Compression?) {
        #expect(Compression(text) == expected)
    }
}
