internal import FoundationEssentials
internal import Machine
internal import Tokenizer

/// A mapped store whose structure has been checked, before any weight is read.
///
/// After `init` every offset and length lies in the file, no two parts overlap, padding is zero, and every
/// tensor the model needs is there with the right shape. Weights themselves are not looked at.
struct StoreFile: Sendable {
    let file: MappedFile
    let header: StoreHeader
    let metadata: StoreMetadata
    let index: SegmentIndex
    /// In the order of `metadata.tensors`.
    let layouts: [StoredTensor.Layout]
    /// What each segment holds, for messages: `tensor blk.0.ffn, planes`.
    let segmentNames: [String]

    var path: String { file.path }

    /// The number of the segment that holds a tensor's records, by the tensor's name.
    var elementSegments: [String: Int] {
        Dictionary(metadata.tensors.map { ($0.name, $0.elements) }, uniquingKeysWith: { first, _ in first })
    }

    init(path: String) throws(StoreError) {
        do { file = try MappedFile(path: path) } catch { throw .file(error) }
        let first = file.bytes(0..<min(StoreFormat.headerBytes, file.byteCount))
        header = try StoreHeader(first, path: path, fileBytes: file.byteCount)
        index = try SegmentIndex(
            Self.bytes(of: header.index, of: file, name: "index"), path: path, offset: header.index.offset)
        metadata = try Self.metadata(header.metadata, of: file)
        var owners = SegmentOwners(index, path: path)
        layouts = try metadata.tensors.map { entry throws(StoreError) in try owners.layout(of: entry) }
        segmentNames = try owners.names()
        try checkRegions()
        try checkModel()
    }

    /// The vocabulary, as it was imported. Cost: about 20 ms for 150,000 tokens.
    func vocabulary() throws(StoreError) -> Vocabulary {
        let part = header.vocabulary
        let bytes = try Self.bytes(of: part, of: file, name: "tokenizer")
        func unreadable(_ reason: String) -> StoreError {
            .unreadable(path: path, part: "tokenizer", offset: part.offset, reason: reason)
        }
        var reader = ByteReader(Array(bytes.prefix(8)))
        let limit = min(StoreFormat.greatestVocabularyBytes, part.byteCount * StoreFormat.greatestRatio)
        guard let count = reader.length(), count <= limit else {
            throw unreadable("its length is more than the \(limit) bytes that fit")
        }
        let raw: [UInt8]
        do {
            raw = try ZstdDecompressor().decompress(
                file, part.offset + 8..<part.range.upperBound, count: count)
        } catch { throw unreadable(error.reason) }
        guard let vocabulary = VocabularyCoding.decode(raw) else {
            throw unreadable("its fields do not add up to \(count) bytes")
        }
        return vocabulary
    }

    /// Compares the checksum of frame `position` of segment `number`, whose stored bytes are `stored`.
    func check(_ stored: Range<Int>, frame position: Int, of number: Int) throws(StoreError) {
        let frame = index.frames[index.segments[number].frames.lowerBound + position]
        let found = file.checksum(stored)
        guard found == frame.checksum else {
            throw .checksum(
                path: path, part: "\(segmentNames[number]), frame \(position)", offset: stored.lowerBound,
                expected: frame.checksum, found: found)
        }
    }

    /// The bytes of a part, after its checksum.
    private static func bytes(
        of part: StoreHeader.Part, of file: MappedFile, name: String
    ) throws(StoreError) -> [UInt8] {
        let found = file.checksum(part.range)
        guard found == part.checksum else {
            throw .checksum(
                path: file.path, part: name, offset: part.offset, expected: part.checksum, found: found)
        }
        return file.bytes(part.range)
    }

    private static func metadata(
        _ part: StoreHeader.Part, of file: MappedFile
    ) throws(StoreError) -> StoreMetadata {
        guard part.byteCount <= StoreFormat.greatestMetadataBytes else {
            throw .outOfBounds(
                path: file.path, part: "metadata", offset: part.offset, needs: part.byteCount,
                has: StoreFormat.greatestMetadataBytes)
        }
        let bytes = try bytes(of: part, of: file, name: "metadata")
        do {
            return try JSONDecoder().decode(StoreMetadata.self, from: Data(bytes))
        } catch {
            throw .unreadable(
                path: file.path, part: "metadata", offset: part.offset,
                reason: "its JSON lacks what a model needs")
        }
    }

    /// Checks that the parts follow each other without overlap and that only zeros lie between them.
    private func checkRegions() throws(StoreError) {
        var regions: [(range: Range<Int>, name: String)] = [
            (0..<StoreFormat.headerBytes, "header"), (header.metadata.range, "metadata"),
            (header.vocabulary.range, "tokenizer"), (header.index.range, "index"),
        ]
        for (segment, name) in zip(index.segments, segmentNames) {
            let alignment = StoreFormat.alignment(ofSegment: segment.rawBytes)
            guard segment.offset % alignment == 0 else {
                throw .mismatch(
                    path: path, part: name, what: "its offset modulo \(alignment)", expected: 0,
                    found: segment.offset % alignment)
            }
            regions.append((segment.range, name))
        }
        regions.sort {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        regions.append((file.byteCount..<file.byteCount, "end of the file"))
        var end = 0
        for region in regions {
            let gap = region.range.lowerBound - end
            guard gap >= 0, gap < StoreFormat.pageBytes, region.range.upperBound <= file.byteCount else {
                throw .mismatch(
                    path: path, part: region.name, what: "its offset", expected: end,
                    found: region.range.lowerBound)
            }
            if gap > 0, file.bytes(end..<end + gap) != [UInt8](repeating: 0, count: gap) {
                throw .unreadable(
                    path: path, part: "padding before \(region.name)", offset: end, reason: "it is not zero")
            }
            end = region.range.upperBound
        }
    }

    /// Checks the hyperparameters, and every tensor's shape against them.
    private func checkModel() throws(StoreError) {
        let model = metadata.model
        do { try model.check() } catch {
            throw .unreadable(
                path: path, part: "metadata", offset: header.metadata.offset, reason: error.description)
        }
        var found: [String: StoredTensor.Layout] = [:]
        for (entry, layout) in zip(metadata.tensors, layouts) {
            guard found.updateValue(layout, forKey: entry.name) == nil else {
                throw .unreadable(
                    path: path, part: "metadata", offset: header.metadata.offset,
                    reason: "two tensors are named \"\(entry.name)\"")
            }
        }
        for (name, shape, isRequired) in TensorCatalogue.shapes(of: model) {
            guard let layout = found.removeValue(forKey: name) else {
                if isRequired { throw .missingTensor(path: path, tensor: name) }
                continue
            }
            guard TensorCatalogue.Shape(layout) == shape else {
                throw .unreadable(
                    path: path, part: "tensor \(name)", offset: header.metadata.offset,
                    reason: "its shape is \(TensorCatalogue.Shape(layout)), the model needs \(shape)")
            }
        }
        if let extra = found.keys.min() {
            throw .unreadable(
                path: path, part: "tensor \(extra)", offset: header.metadata.offset,
                reason: "the model has no such tensor")
        }
    }
}
