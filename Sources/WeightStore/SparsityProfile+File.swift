internal import FoundationEssentials
internal import Machine

/// The file of a profile, described byte by byte in docs/profile-format.md: a header of 40 bytes, facts as
/// JSON, then the limits and centers as f32.
extension SparsityProfile {
    static let magic = Array("CHESSPR1".utf8)
    static let version: UInt32 = 1
    private static let headerBytes = 40
    private static let greatestFactsBytes = 4 << 20
    /// What `absentFactor` may be.
    package static let absentFactors: ClosedRange<Float> = 1...100
    /// What `headCandidates` may be.
    package static let headCandidateCounts = 0...(1 << 24)

    /// Refuses a path where no profile can be written, before any work is done for one.
    package static func checkTarget(_ path: String, overwrite: Bool) throws(ProfileError) {
        if !overwrite, FileManager.default.fileExists(atPath: path) { throw .exists(path: path) }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            let folder = String(path[..<slash])
            if !FileManager.default.fileExists(atPath: folder) { throw .noFolder(path: path, folder: folder) }
        }
        do { try AtomicFile.checkTarget(path) } catch { throw .file(error) }
    }

    /// Writes the file; it appears under its name when it is complete.
    package func write(to path: String, overwrite: Bool) throws(ProfileError) {
        try Self.checkTarget(path, overwrite: overwrite)
        let bytes = encoded()
        do {
            var file = try AtomicFile(path: path)
            try file.append(bytes)
            try file.commit()
        } catch { throw .file(error) }
    }

    /// Reads and checks a file.
    package init(path: String) throws(ProfileError) {
        let file: MappedFile
        do { file = try MappedFile(path: path) } catch { throw .file(error) }
        try self.init(bytes: file.bytes(0..<file.byteCount), path: path)
    }

    func encoded() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Facts hold strings and finite numbers only, which always encode.
        let facts = (try? encoder.encode(ProfileFacts(self))).map(Array.init) ?? []
        var numbers = ByteWriter()
        for rules in orderedSites.map(\.rules) {
            for rule in rules {
                for value in rule.limits + rule.center { numbers.append(value.bitPattern) }
            }
        }
        var writer = ByteWriter()
        writer.append(contentsOf: Self.magic)
        writer.append(Self.version)
        writer.append(UInt32(facts.count))
        writer.append(UInt64(numbers.bytes.count))
        writer.append(Checksum.crc32c(facts))
        writer.append(Checksum.crc32c(numbers.bytes))
        writer.pad(to: Self.headerBytes - 4)
        writer.append(Checksum.crc32c(writer.bytes))
        return writer.bytes + facts + numbers.bytes
    }

    fileprivate var orderedSites: [(site: SparsitySite, rules: [Rule])] {
        SparsitySite.allCases.compactMap { site in sites[site].map { (site, $0) } }
    }

    init(bytes: [UInt8], path: String) throws(ProfileError) {
        guard bytes.starts(with: Self.magic) else { throw .notAProfile(path: path) }
        var reader = ByteReader(bytes)
        _ = reader.bytes(Self.magic.count)
        guard let version = reader.u32(), let factsCount = reader.u32().map(Int.init),
            let numbersCount = reader.length(), let factsSum = reader.u32(), let numbersSum = reader.u32(),
            reader.bytes(4) != nil, let headerSum = reader.u32()
        else { throw .wrongLength(path: path, expected: Self.headerBytes, found: bytes.count) }
        guard version == Self.version else {
            throw .newerFormat(path: path, found: version, newestKnown: Self.version)
        }
        func check(_ part: String, _ range: Range<Int>, _ written: UInt32) throws(ProfileError) {
            let found = Checksum.crc32c(bytes, range)
            guard found == written else {
                throw .checksum(path: path, part: part, expected: written, found: found)
            }
        }
        try check("the header", 0..<Self.headerBytes - 4, headerSum)
        let factsEnd = Self.headerBytes + factsCount
        guard factsCount <= Self.greatestFactsBytes, numbersCount == bytes.count - factsEnd else {
            let (expected, overflows) = factsEnd.addingReportingOverflow(numbersCount)
            throw .wrongLength(path: path, expected: overflows ? .max : expected, found: bytes.count)
        }
        try check("the facts", Self.headerBytes..<factsEnd, factsSum)
        try check("the limits", factsEnd..<bytes.count, numbersSum)
        guard
            let facts = try? JSONDecoder().decode(
                ProfileFacts.self, from: Data(bytes[Self.headerBytes..<factsEnd]))
        else { throw .unreadable(path: path, reason: "its JSON lacks what a profile needs") }
        _ = reader.bytes(factsCount)
        do { self = try facts.profile(&reader) } catch {
            throw .unreadable(path: path, reason: error.description)
        }
    }
}

/// What the JSON of a profile holds.
private struct ProfileFacts: Codable {
    var model: ProfiledModel
    var method: String
    var sparsity: Double
    var corpus: SparsityProfile.Corpus
    var createdAt: String
    var program: String
    var sites: [Site]
    /// Absent means 1.
    var absentFactor: Float?
    /// Absent means 0.
    var headCandidates: Int?

    struct Site: Codable {
        var site: SparsitySite
        /// Per layer: floats of limits, floats of center, the shares meant and measured.
        var limits: [Int]
        var centers: [Int]
        var target: [Double]
        var measured: [Double]
    }

    init(_ profile: SparsityProfile) {
        model = profile.model
        method = profile.method
        sparsity = profile.sparsity
        corpus = profile.corpus
        createdAt = profile.createdAt
        program = profile.program
        absentFactor = profile.absentFactor == 1 ? nil : profile.absentFactor
        headCandidates = profile.headCandidates == 0 ? nil : profile.headCandidates
        sites = profile.orderedSites.map { site, rules in
            Site(
                site: site, limits: rules.map(\.limits.count), centers: rules.map(\.center.count),
                target: rules.map(\.target), measured: rules.map(\.measured))
        }
    }

    /// The profile, its rules taken off `reader`, which holds nothing else.
    func profile(_ reader: inout ByteReader) throws(Unusable) -> SparsityProfile {
        guard model.isPlausible else { throw Unusable("its model has \(model.shape)") }
        guard (0...0.99).contains(sparsity), corpus.tokens >= 0 else {
            throw Unusable("sparsity \(sparsity) of \(corpus.tokens) tokens makes no sense")
        }
        guard Set(sites.map(\.site)).count == sites.count else { throw Unusable("a site is there twice") }
        var rules: [SparsitySite: [SparsityProfile.Rule]] = [:]
        for entry in sites { rules[entry.site] = try read(entry, &reader) }
        guard reader.remaining == 0 else { throw Unusable("\(reader.remaining) bytes belong to no site") }
        let factor = absentFactor ?? 1
        guard SparsityProfile.absentFactors.contains(factor) else {
            throw Unusable("channels that are not in memory must reach \(factor) times their limit")
        }
        let candidates = headCandidates ?? 0
        guard SparsityProfile.headCandidateCounts.contains(candidates) else {
            throw Unusable("\(candidates) candidates of the head make no sense")
        }
        var profile = SparsityProfile(
            model: model, method: method, sparsity: sparsity, corpus: corpus, createdAt: createdAt,
            program: program, sites: rules)
        profile.absentFactor = factor
        profile.headCandidates = candidates
        return profile
    }

    private func read(_ entry: Site, _ reader: inout ByteReader) throws(Unusable) -> [SparsityProfile.Rule] {
        let (name, layers, width) = (entry.site.rawValue, model.layers, model.width(entry.site))
        for count in [entry.limits.count, entry.centers.count, entry.target.count, entry.measured.count]
        where count != layers {
            throw Unusable("\(name) speaks of \(count) layers, the model has \(layers)")
        }
        var rules: [SparsityProfile.Rule] = []
        for layer in 0..<layers {
            let (limits, centers) = (entry.limits[layer], entry.centers[layer])
            guard [0, 1, width].contains(limits), [0, width].contains(centers) else {
                throw Unusable("\(name) of layer \(layer) has \(limits) limits for \(width) channels")
            }
            guard limits <= 1 || entry.site.mayHaveLimitPerChannel else {
                throw Unusable(
                    "\(name) of layer \(layer) has \(limits) limits, one for all channels is needed")
            }
            guard centers == 0 || entry.site.mayHaveCenter else {
                throw Unusable("\(name) of layer \(layer) has a center, which nothing makes use of")
            }
            var rule = SparsityProfile.Rule(target: entry.target[layer], measured: entry.measured[layer])
            rule.limits = try floats(limits, &reader, name, layer)
            rule.center = try floats(centers, &reader, name, layer)
            guard rule.limits.allSatisfy({ $0 >= 0 }) else {
                throw Unusable("\(name) of layer \(layer) has a limit below 0")
            }
            guard (0...1).contains(rule.target), (0...1).contains(rule.measured) else {
                throw Unusable("\(name) of layer \(layer) leaves out \(rule.target)")
            }
            rules.append(rule)
        }
        return rules
    }

    private func floats(
        _ count: Int, _ reader: inout ByteReader, _ name: String, _ layer: Int
    ) throws(Unusable) -> [Float] {
        guard reader.remaining >= 4 * count else {
            throw Unusable(
                "\(name) of layer \(layer) needs \(4 * count) bytes, there are \(reader.remaining)")
        }
        var values: [Float] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(Float(bitPattern: reader.u32() ?? 0)) }
        guard values.allSatisfy(\.isFinite) else {
            throw Unusable("\(name) of layer \(layer) has a limit that is not a finite number")
        }
        return values
    }
}

/// What makes the contents of a profile no use.
private struct Unusable: Error {
    let description: String

    init(_ description: String) { self.description = description }
}
