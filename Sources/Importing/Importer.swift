internal import FoundationEssentials
internal import GGUF
internal import Machine
internal import Tokenizer
internal import WeightStore

/// Makes a weight store of a GGUF file.
package enum Importer {
    /// How far an import has come.
    package struct Progress: Sendable {
        package var bytesDone: Int
        package var bytesTotal: Int
    }

    /// Converts `source` and writes `target`, which appears only when it is complete.
    ///
    /// - Parameters:
    ///   - storageRate: bytes per second that the model will be read with, which `Compression.auto` weighs against
    ///     unpacking on `threads` threads; `nil` to go by size alone.
    ///   - threads: pieces of about 2 MB converted side by side; peak memory is some 15 MB for each.
    ///   - headBounds: whether to write rough rows of the head too, where those are much shorter than its own.
    ///   - progress: told now and then, in order.
    /// - Throws: `ImportError`, or `CancellationError` when the task was cancelled; both leave no target.
    package static func run(
        source: String, target: String, compression: Compression, storageRate: Double? = nil,
        overwrite: Bool, threads: Int, headBounds: Bool = true, importer: String,
        progress: @Sendable (Progress) -> Void
    ) async throws -> ImportReport {
        let start = ProcessFacts.monotonicNanoseconds
        let model = try SourceModel(path: source)
        guard !isSameFile(source, target) else { throw ImportError.sameFile(path: target) }
        let vocabulary = try model.vocabulary()
        let plan = try ImportPlan(model, vocabularySize: vocabulary.tokens.count, headBounds: headBounds)
        let template = try model.chatTemplate()
        let writer: StoreWriter
        do { writer = try StoreWriter(path: target, overwrite: overwrite, vocabulary: vocabulary) } catch {
            throw ImportError.store(error)
        }
        async let sourceHash = hash(model.file)
        let choices = try await choose(
            plan, CompressionRule(compression, storageRate: storageRate, threads: threads), threads: threads)
        var recorder = TensorRecorder(writer, plan: plan, choices: choices)
        let total = plan.tensors.reduce(0) { $0 + $1.sourceBytes }
        var done = 0
        let conversion = Conversion(plan: plan, choices: choices, level: compression.level, threads: threads)
        try await conversion.run { piece throws(StoreError) in
            try recorder.write(piece)
            done += piece.sourceBytes
            progress(Progress(bytesDone: min(done, total), bytesTotal: total))
        }
        let metadata = StoreMetadata(
            model: plan.model, tensors: recorder.entries, chatTemplate: template, general: model.generalFacts,
            provenance: Provenance(
                sourceName: model.fileName, sourceBytes: model.file.byteCount,
                sourceSHA256: try await sourceHash, importedAt: Date.now.formatted(.iso8601),
                importer: importer, compression: compression.description))
        let rows = ImportReport.Row.rows(recorder.segments)
        let fileBytes: Int
        do { fileBytes = try recorder.finish(metadata) } catch { throw ImportError.store(error) }
        return ImportReport(
            rows: rows, metadata: metadata, ignored: plan.ignored,
            fileBytes: fileBytes, seconds: Double(ProcessFacts.monotonicNanoseconds - start) / 1e9)
    }

    private static func isSameFile(_ source: String, _ target: String) -> Bool {
        func real(_ path: String) -> String { URL(filePath: path).resolvingSymlinksInPath().path }
        return real(source) == real(target)
    }

    /// SHA-256 of the whole source, in hexadecimal.
    @concurrent private static func hash(_ file: MappedFile) async throws -> String {
        var hash = SHA256()
        let chunk = 1 << 20
        for start in stride(from: 0, to: file.byteCount, by: chunk) {
            try Task.checkCancellation()
            let range = start..<min(start + chunk, file.byteCount)
            hash.update(file.bytes(range))
            file.advise(.dontNeed, range)
        }
        return SHA256.hexadecimal(hash.digest())
    }

    /// Decides the encodings of every tensor, some side by side.
    @concurrent private static func choose(
        _ plan: ImportPlan, _ rule: CompressionRule, threads: Int
    ) async throws -> [EncodingChoice] {
        try await withThrowingTaskGroup(of: (Int, EncodingChoice).self) { group in
            var choices = [EncodingChoice](
                repeating: EncodingChoice(elements: .raw, planes: .raw), count: plan.tensors.count)
            for (number, tensor) in plan.tensors.enumerated() {
                if number >= threads, let (done, choice) = try await group.next() { choices[done] = choice }
                group.addTask {
                    try Task.checkCancellation()
                    defer { for source in tensor.sources { source.release(rows: 0..<source.rows) } }
                    return (number, EncodingChoice.choose(tensor, rule))
                }
            }
            for try await (done, choice) in group { choices[done] = choice }
            return choices
        }
    }
}
