internal import Machine
internal import Tensors
package import Tokenizer

/// An open weight store: hyperparameters, vocabulary, and tensors ready for the kernels.
///
/// Raw segments stay in the mapped file; compressed ones are decompressed once, when the store is opened.
package final class WeightStore: Sendable {
    package let path: String
    package let parameters: ModelParameters
    /// Everything the store says about itself, as it was written.
    package let metadata: StoreMetadata
    /// By name.
    package let tensors: [String: StoredTensor]
    /// Names the contents: SHA-256 of header and metadata, which hold the checksum of the index, which holds
    /// the checksums of all weights.
    package let fileIdentity: String
    /// Bytes of all weights as the kernels see them, and as they lie in the file.
    package let rawBytes: Int
    package let storedBytes: Int
    /// Holds the tensors of which only some records are in memory.
    package let cache: RecordCache?
    private let file: StoreFile

    /// The model's own Jinja template; `nil` when its file had none.
    package var chatTemplate: String? { metadata.chatTemplate }
    package var provenance: Provenance { metadata.provenance }
    package var fileBytes: Int { file.header.fileBytes }

    /// Opens, checks the structure, and with `verify` the checksum of every frame.
    ///
    /// - Parameters:
    ///   - threads: for verifying, copying and decompressing, the calling one included.
    ///   - residency: where the weights live; see `Residency`.
    ///   - plan: tensors of which only some records are to be in memory; all others are then copied there.
    ///   - panelled: names of channel-major tensors to cut into panels when they are copied into memory: those of
    ///     which no channel will be left out. Of other tensors and of floats it says nothing.
    /// - Throws: a fault of the structure, or the first bad frame with its tensor.
    /// - Cost: with `verify`, one read of the whole file.
    package convenience init(
        path: String, threads: Int, verify: Bool = true, residency: Residency = .automatic,
        plan: CachePlan? = nil, panelled: Set<String> = []
    ) throws(StoreError) {
        try self.init(
            StoreInspection(path: path), threads: threads, verify: verify, residency: residency, plan: plan,
            panelled: panelled)
    }

    /// The same of a store whose structure was checked already.
    ///
    /// - Parameter omitted: names of tensors to do without.
    package convenience init(
        _ inspection: StoreInspection, threads: Int, verify: Bool = true,
        residency: Residency = .automatic, plan: CachePlan? = nil, omitted: Set<String> = [],
        panelled: Set<String> = []
    ) throws(StoreError) {
        let opening = try Opening(
            inspection, verify: verify, residency: residency, plan: plan, omitted: omitted,
            panelled: panelled)
        try self.init(opening, threads: threads)
    }

    /// What is decided before weights are read.
    private struct Opening {
        let file: StoreFile
        let plan: CachePlan?
        let omitted: Set<String>
        let orders: [Int: RecordOrder]
        let panels: [Int: (layout: PanelLayout, planes: Int)]
        let load: FrameLoad
        let rawBytes: Int
        let storedBytes: Int

        init(
            _ inspection: StoreInspection, verify: Bool, residency: Residency, plan: CachePlan?,
            omitted: Set<String>, panelled: Set<String>
        ) throws(StoreError) {
            let file = inspection.file
            let unused = Set(
                file.metadata.tensors.lazy.filter { omitted.contains($0.name) }.flatMap { entry in
                    [entry.elements] + (entry.planes.map { [$0] } ?? [])
                })
            let weights = file.index.segments.enumerated()
                .filter { $0.element.kind != .order && !unused.contains($0.offset) }.map(\.element)
            rawBytes = weights.reduce(0) { $0 + $1.rawBytes }
            storedBytes = weights.reduce(0) { $0 + $1.storedBytes }
            let segments = file.elementSegments
            orders = try file.orders()
            let skipped = Set(plan?.tensors.compactMap { segments[$0.name] } ?? [])
            let isResident = plan != nil || residency.isResident(rawBytes: rawBytes)
            panels = isResident ? file.panels(panelled, except: skipped) : [:]
            load = FrameLoad(
                FrameWalk(file), verify: verify, isResident: isResident,
                skipped: skipped.union(file.metadata.tensors.compactMap(\.order)).union(unused),
                orders: orders, panels: panels)
            (self.file, self.plan, self.omitted) = (file, plan, omitted)
        }
    }

    private init(_ opening: Opening, threads: Int) throws(StoreError) {
        file = opening.file
        let (orders, panels) = (opening.orders, opening.panels)
        let loaded = try opening.load.complete(threads: threads)
        var cache: RecordCache?
        if let plan = opening.plan {
            cache = try RecordCache(plan, of: file, orders: orders)
            file.file.advise(.dontNeed)
            cache?.emptyPageCache()
        }
        var tensors: [String: StoredTensor] = [:]
        for (entry, layout) in zip(file.metadata.tensors, file.layouts)
        where !opening.omitted.contains(entry.name) {
            let cached = cache?.tensors[entry.name]
            let codes = cached.flatMap { _ in cache?.region } ?? loaded[entry.elements]
            let panels = panels[entry.elements]?.layout
            var places = cached?.places
            if let order = orders[entry.elements], case .mapped = codes.backing {
                let units = UInt32(layout.recordBytes / RecordCache.placeBytes)
                places = SharedBuffer(order.places.map { $0 * units })
            }
            tensors[entry.name] = StoredTensor(
                name: entry.name, layout: layout, codes: codes,
                planes: panels == nil ? entry.planes.map { loaded[$0] } : nil, panels: panels,
                places: places, cached: cached)
        }
        path = file.path
        self.tensors = tensors
        self.cache = cache
        metadata = file.metadata
        parameters = file.metadata.model
        fileIdentity = file.identity
        rawBytes = opening.rawBytes
        storedBytes = opening.storedBytes
    }

    /// Brings the weights of a store into memory of large pages, some at a time.
    package final class Copying {
        private let opening: Opening
        private let threads: Int

        /// - Parameter panelled: see `WeightStore`.
        package init(_ inspection: StoreInspection, threads: Int, panelled: Set<String>) throws(StoreError) {
            opening = try Opening(
                inspection, verify: true, residency: .resident, plan: nil, omitted: [], panelled: panelled)
            self.threads = threads
        }

        package var isComplete: Bool { opening.load.isComplete }

        /// Copies, or decompresses, about so many bytes more, and checks them.
        package func advance(bytes: Int) { opening.load.advance(bytes: bytes, threads: threads) }

        /// The store; copies what is left of it.
        ///
        /// - Throws: the first fault of the file.
        package func store() throws(StoreError) -> WeightStore {
            try WeightStore(opening, threads: threads)
        }
    }

    /// The tensor of that name.
    package func tensor(_ name: String) throws(StoreError) -> StoredTensor {
        guard let tensor = tensors[name] else { throw .missingTensor(path: path, tensor: name) }
        return tensor
    }

    /// Takes the pages of the file off this process; what is used in place comes back when it is touched.
    package func releaseMapping() { file.file.advise(.dontNeed) }

    /// The vocabulary, as it was imported. Cost: about 20 ms for 150,000 tokens.
    package func vocabulary() throws(StoreError) -> Vocabulary { try file.vocabulary() }
}

/// Where the weights of an open store live.
package enum Residency: String, Sendable, CaseIterable {
    /// Copied into memory of large pages when two and a half times the weights are available, otherwise mapped.
    case automatic = "auto"
    /// Used in place in the page cache, which the kernel may take back; compressed segments are in memory all
    /// the same.
    case mapped
    /// Copied into memory of large pages: a fifth faster where pages are 4 KiB.
    case resident

    /// Whether so many bytes of weights are copied, by what memory is available now.
    package func isResident(rawBytes: Int) -> Bool {
        switch self {
        case .automatic: ProcessFacts.availableBytes > rawBytes / 2 * 5
        case .mapped: false
        case .resident: true
        }
    }
}

/// What a store says about itself, without a look at its weights: for `inspect`, `verify` and `tokenize`.
package struct StoreInspection: Sendable {
    let file: StoreFile

    /// Opens and checks the structure.
    package init(path: String) throws(StoreError) { file = try StoreFile(path: path) }

    package var path: String { file.path }
    package var metadata: StoreMetadata { file.metadata }
    package var fileBytes: Int { file.header.fileBytes }
    package var identity: String { file.identity }
    package var segments: [Segment] { file.index.segments }
    /// Names of the tensors whose channels lie in an order of their own.
    package var arrangedTensors: Set<String> {
        Set(metadata.tensors.lazy.filter { $0.order != nil }.map(\.name))
    }
    /// Every tensor with its layout and its segments.
    package var tensors: [(name: String, layout: StoredTensor.Layout, elements: Segment, planes: Segment?)] {
        zip(file.metadata.tensors, file.layouts).map { entry, layout in
            (entry.name, layout, segments[entry.elements], entry.planes.map { segments[$0] })
        }
    }

    /// Whether all weights can be used in place in the page cache, none being compressed.
    package var isUncompressed: Bool { segments.allSatisfy { $0.encoding == .raw } }

    /// Bytes of all weights in memory.
    package func rawBytes() -> Int {
        tensors.reduce(0) { $0 + $1.elements.rawBytes + ($1.planes?.rawBytes ?? 0) }
    }

    package func vocabulary() throws(StoreError) -> Vocabulary { try file.vocabulary() }

    /// Every frame whose bytes are not what was written, in the order of the file.
    ///
    /// - Parameter progress: told the bytes done so far, on the calling thread.
    package func faults(threads: Int, progress: @Sendable (Int) -> Void = { _ in }) -> [StoreError] {
        var faults: [StoreError] = []
        do throws(StoreError) { _ = try file.vocabulary() } catch { faults.append(error) }
        return faults + FrameWalk(file).faults(threads: threads, progress: progress)
    }
}

extension StoreFile {
    /// How the channel-major tensors among `names` are cut, and the segments of their planes, by the segments of
    /// their channels.
    fileprivate func panels(
        _ names: Set<String>, except segments: Set<Int>
    ) -> [Int: (layout: PanelLayout, planes: Int)] {
        var panels: [Int: (PanelLayout, Int)] = [:]
        for (entry, layout) in zip(metadata.tensors, layouts) {
            guard names.contains(entry.name), !segments.contains(entry.elements), let planes = entry.planes,
                case .channels(let form, let outputs, let channels) = layout
            else { continue }
            panels[entry.elements] = (PanelLayout(form: form, outputs: outputs, channels: channels), planes)
        }
        return panels
    }

    /// SHA-256 of header and metadata.
    var identity: String {
        var hash = SHA256()
        hash.update(file.bytes(0..<StoreFormat.headerBytes))
        hash.update(file.bytes(header.metadata.range))
        return SHA256.hexadecimal(hash.digest())
    }
}
