internal import FoundationEssentials
internal import Machine
package import Tokenizer

/// Writes a store from front to back; it appears under its name only when `finish` has returned.
package struct StoreWriter: ~Copyable {
    private var file: AtomicFile
    private let path: String
    private var vocabulary: StoreHeader.Part
    private var index: SegmentIndex
    /// The segment being written; its lengths grow.
    private var current: Segment?

    /// Creates the temporary file beside `path` and writes the vocabulary.
    ///
    /// - Throws: `exists` when `path` is there and may not be replaced, `noFolder`, or what the system refuses.
    package init(path: String, overwrite: Bool, vocabulary: Vocabulary) throws(StoreError) {
        if !overwrite, FileManager.default.fileExists(atPath: path) { throw .exists(path: path) }
        try Self.prepareFolder(of: path)
        let raw = VocabularyCoding.encode(vocabulary)
        var blob = ByteWriter()
        blob.append(UInt64(raw.count))
        // A frame may be longer than what it holds by zstd's bound, far less than this.
        blob.append(
            contentsOf: ZstdCompressor(level: 12).compress(raw, limit: raw.count + raw.count / 64 + 1024)
                ?? [])
        // Everything is set after the last throw: compilers before 6.3 crash on undoing a half-made value.
        let begun = try Self.begin(path, vocabulary: blob.bytes)
        file = begun
        index = SegmentIndex()
        self.vocabulary = StoreHeader.Part(
            offset: StoreFormat.headerBytes, byteCount: blob.bytes.count,
            checksum: Checksum.crc32c(blob.bytes))
        self.path = path
    }

    /// Finds out whether a store can be written at `path`, before long work.
    ///
    /// - Throws: as `init`.
    package static func checkTarget(_ path: String, overwrite: Bool) throws(StoreError) {
        if !overwrite, FileManager.default.fileExists(atPath: path) { throw .exists(path: path) }
        try prepareFolder(of: path)
        do { try AtomicFile.checkTarget(path) } catch { throw .file(error) }
    }

    /// Checks the folder, and removes what killed runs left there for this target.
    private static func prepareFolder(of path: String) throws(StoreError) {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            if FileManager.default.fileExists(atPath: folder) { return }
            throw .noFolder(path: path, folder: folder)
        }
        let prefix = name + ".partial-"
        for leftover in names where leftover.hasPrefix(prefix) {
            guard let process = Int32(leftover.dropFirst(prefix.count)),
                !FileManager.default.fileExists(atPath: "/proc/\(process)")
            else { continue }
            try? FileManager.default.removeItem(atPath: folder + "/" + leftover)
        }
    }

    /// A new temporary file with room for the header, and the vocabulary.
    private static func begin(_ path: String, vocabulary: [UInt8]) throws(StoreError) -> AtomicFile {
        do {
            var file = try AtomicFile(path: path)
            try file.append([UInt8](repeating: 0, count: StoreFormat.headerBytes))
            try file.append(vocabulary)
            return file
        } catch { throw .file(error) }
    }

    /// Begins a segment that will hold `rawBytes` bytes; returns its number.
    package mutating func beginSegment(
        _ kind: Segment.Kind, encoding: SegmentEncoding, rawBytes: Int, frameBytes: Int
    ) throws(StoreError) -> Int {
        precondition(current == nil && rawBytes > 0 && frameBytes > 0, "\(rawBytes) bytes by \(frameBytes)")
        do { try file.pad(to: StoreFormat.alignment(ofSegment: rawBytes)) } catch { throw .file(error) }
        current = Segment(
            kind: kind, encoding: encoding, offset: file.byteCount, storedBytes: 0, rawBytes: rawBytes,
            frameBytes: frameBytes, frames: index.frames.count..<index.frames.count)
        return index.segments.count
    }

    /// Adds frames to the segment that was begun.
    package mutating func append(_ run: EncodedRun) throws(StoreError) {
        do { try file.append(run.bytes) } catch { throw .file(error) }
        index.frames += run.frames
        current?.storedBytes += run.bytes.count
    }

    /// Ends the segment that was begun.
    package mutating func endSegment() {
        guard var segment = current else { return }
        segment.frames = segment.frames.lowerBound..<index.frames.count
        precondition(
            segment.frames.count == (segment.rawBytes - 1) / segment.frameBytes + 1,
            "\(segment.frames.count) frames of \(segment.frameBytes) for \(segment.rawBytes) bytes")
        index.segments.append(segment)
        current = nil
    }

    /// Segment `number`, which has ended.
    package func segment(_ number: Int) -> Segment { index.segments[number] }

    /// Writes metadata, index and header, flushes all to the device, and gives the file its name.
    ///
    /// - Returns: the length of the file.
    package consuming func finish(_ metadata: StoreMetadata) throws(StoreError) -> Int {
        precondition(current == nil, "a segment is open")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(metadata) else {
            throw .unreadable(path: path, part: "metadata", offset: 0, reason: "a number is not finite")
        }
        do {
            let metadataPart = try Self.append([UInt8](json), to: &file)
            let indexPart = try Self.append(index.encoded(), to: &file)
            let header = StoreHeader(
                fileBytes: file.byteCount, metadata: metadataPart, vocabulary: vocabulary, index: indexPart)
            try file.overwrite(header.encoded(), at: 0)
            try file.commit()
            return header.fileBytes
        } catch { throw .file(error) }
    }

    private static func append(
        _ bytes: [UInt8], to file: inout AtomicFile
    ) throws(FileError) -> StoreHeader.Part {
        try file.pad(to: StoreFormat.lineBytes)
        let part = StoreHeader.Part(
            offset: file.byteCount, byteCount: bytes.count, checksum: Checksum.crc32c(bytes))
        try file.append(bytes)
        return part
    }
}
