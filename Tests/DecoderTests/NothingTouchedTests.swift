import Foundation
import Glibc
import Importing
import Kernels
import Machine
import Support
import Tensors
import Testing
import WeightStore

@testable import Decoder

/// Weights of channels that are left out are not touched: their pages are taken away, and decoding goes on.
@Suite struct NothingTouchedTests {
    /// One page in four of these belongs to a channel that is kept.
    private static let keptShare = 4

    /// The first quarter of the channels of every sparse site is kept, whatever comes in.
    private static func rules(
        _ model: ModelParameters
    ) -> (SparsitySite, Int) -> SparsityProfile.Rule? {
        { site, _ in
            switch site {
            case .queryInput, .attentionOutput, .gateInput, .channels:
                let width = model.width(site)
                return SparsityProfile.Rule(
                    limits: (0..<width).map { $0 < width / keptShare ? 0 : 1e30 })
            default: return nil
            }
        }
    }

    @Test(arguments: [ElementType.q4_0, .q6_K, .f16])
    func pagesOfOtherChannelsCanBeTakenAway(type: ElementType) async throws {
        for kernels in KernelSet.available {
            try await withTemporaryDirectory { folder in
                let target = "\(folder)/m.chess"
                let model = SmallModel(type, embedding: 768, feedForward: 3072)
                try model.write(to: "\(folder)/m.gguf")
                _ = try await Importer.run(
                    source: "\(folder)/m.gguf", target: target, compression: .none, overwrite: false,
                    threads: 2, importer: "test", progress: { _ in })
                // The pages are those of the file; a copy in large pages would be somewhere else.
                let store = try WeightStore(path: target, threads: 2, residency: .mapped)
                let decoder = try Decoder(store: store, kernels: kernels, context: 16, threads: 2)
                let plan = decoder.plan(Self.rules(decoder.parameters))
                decoder.step(5, at: 0, plan: plan)
                let expected = logits(decoder)
                let dropped = try Self.droppedRanges(of: target)
                let mapping = try #require(Mapping(of: target))
                #expect(mapping.protect(dropped, PROT_NONE) > 20)
                decoder.step(5, at: 0, plan: plan)
                let found = logits(decoder)
                mapping.protect(dropped, PROT_READ)
                #expect(found == expected, "\(kernels.name)")
            }
        }
    }

    /// The kernel's own record of the pages that a step has read, beside the bytes that the counts tell.
    @Test func theMachineCountsAsManyBytes() async throws {
        try await withTemporaryDirectory { folder in
            let target = "\(folder)/m.chess"
            try SmallModel(.q8_0, embedding: 768, feedForward: 3072).write(to: "\(folder)/m.gguf")
            _ = try await Importer.run(
                source: "\(folder)/m.gguf", target: target, compression: .none, overwrite: false, threads: 2,
                importer: "test", progress: { _ in })
            let store = try WeightStore(path: target, threads: 2, residency: .mapped)
            let decoder = try Decoder(store: store, kernels: .best, context: 16, threads: 2)
            let plan = decoder.plan(Self.rules(decoder.parameters))
            decoder.step(5, at: 0)
            func touched(_ plan: SparsityPlan?) throws -> Int? {
                guard Mapping.forgetReferences() else { return nil }
                decoder.step(5, at: 0, plan: plan)
                return Mapping.referencedBytes(of: target)
            }
            // A container may hide the record.
            guard let dense = try touched(nil), let sparse = try touched(plan), dense > 0 else { return }
            _ = decoder.takeCounts(of: plan)
            decoder.step(5, at: 0, plan: plan)
            let counted = decoder.weights.bytesPerToken(decoder.takeCounts(of: plan))
            let saved = Double(decoder.weights.bytesPerToken) - counted
            // Prefetching may run past the end of what is kept, by less than a block of channels at each site.
            #expect(Double(dense - sparse) > 0.85 * saved, "\(dense) - \(sparse), \(saved) counted")
            #expect(Double(sparse) < 1.15 * counted + 65536, "\(sparse), \(counted) counted")
        }
    }

    /// The bytes of the file that hold nothing but codes of channels left out.
    private static func droppedRanges(of path: String) throws -> [Range<Int>] {
        try StoreInspection(path: path).tensors.compactMap { tensor -> Range<Int>? in
            let elements = tensor.elements
            let channels: Int
            switch tensor.layout {
            case .channels(_, _, let count): channels = count
            case .bundle(_, _, _, let count, _): channels = count
            default: return nil
            }
            let kept = elements.rawBytes / channels * (channels / keptShare)
            return elements.offset + kept..<elements.offset + elements.rawBytes
        }
    }
}

/// A file's pages in this process.
private struct Mapping {
    private let start: UInt
    private let offset: Int

    /// The first mapping of `path`.
    init?(of path: String) {
        // The list is read page by page, and misses lines while other tests map and unmap.
        let lines = (0..<100).lazy.compactMap { _ in
            try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
                .split(separator: "\n").first { $0.hasSuffix(path) }
        }
        guard let line = lines.first else { return nil }
        let fields = line.split(separator: " ")
        guard let start = UInt(fields[0].prefix { $0 != "-" }, radix: 16),
            let offset = Int(fields[2], radix: 16)
        else { return nil }
        self.start = start
        self.offset = offset
    }

    /// Sets what may be done with the pages that lie wholly in `ranges` of the file; returns how many.
    @discardableResult
    func protect(_ ranges: [Range<Int>], _ protection: Int32) -> Int {
        var pages = 0
        for range in ranges {
            let first = (range.lowerBound + 4095) / 4096
            let last = range.upperBound / 4096
            guard last > first else { continue }
            let address = UnsafeMutableRawPointer(bitPattern: start + UInt(first * 4096 - offset))
            guard mprotect(address, (last - first) * 4096, protection) == 0 else { continue }
            pages += last - first
        }
        return pages
    }

    /// Makes the kernel forget which pages this process has read; false where it does not let us.
    static func forgetReferences() -> Bool {
        let descriptor = open("/proc/self/clear_refs", O_WRONLY)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return write(descriptor, "1", 1) == 1
    }

    /// Bytes of pages of `path` that were read since; `nil` where the kernel does not say.
    static func referencedBytes(of path: String) -> Int? {
        guard let maps = try? String(contentsOfFile: "/proc/self/smaps", encoding: .utf8) else { return nil }
        let lines = maps.split(separator: "\n")
        guard let start = lines.firstIndex(where: { $0.hasSuffix(path) }),
            let line = lines[start...].first(where: { $0.hasPrefix("Referenced:") })
        else { return nil }
        return Int(line.split(separator: " ")[1]).map { $0 * 1024 }
    }
}
