internal import CHost
internal import Glibc

/// Zero-filled memory of fixed size on cache-line boundaries, shared by the threads of a step.
///
/// UNSAFE FENCE: `base` is valid for `count` elements until `deinit`. Threads of one step write disjoint
/// ranges and meet at a barrier before anyone reads what another wrote; `Kernels` takes the range of each
/// write as an argument and checks it. Breaking that rule gives wrong numbers, never a write outside.
@safe package final class SharedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    package let count: Int
    private let base: UnsafeMutablePointer<Element>
    private let mappedBytes: Int

    /// Large buffers are mapped, so that pages never touched cost no memory; others come from the heap.
    /// Traps when the memory is not to be had; sizes come from checked hyperparameters.
    ///
    /// - Parameter largePages: for bytes that are all read again and again, such as weights: saves a page walk
    ///   every 4 KiB. Not for memory that fills slowly, since touching a byte takes 2 MiB.
    package init(count: Int, largePages: Bool = false) {
        precondition(count >= 0, "\(count) elements")
        self.count = count
        let byteCount = max(count * MemoryLayout<Element>.stride, 1)
        // More than asked for: kernels may read up to the next multiple of 64 elements.
        let slack = 64 * MemoryLayout<Element>.stride
        let raw: UnsafeMutableRawPointer
        if byteCount >= 256 << 10 {
            mappedBytes = byteCount + slack
            let address = unsafe mmap(
                nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            guard let address = unsafe address, unsafe address != MAP_FAILED else {
                preconditionFailure("no memory for \(byteCount) bytes")
            }
            if largePages { _ = unsafe madvise(address, mappedBytes, Int32(MADV_HUGEPAGE)) }
            unsafe raw = address
        } else {
            mappedBytes = 0
            unsafe raw = UnsafeMutableRawPointer.allocate(byteCount: byteCount + slack, alignment: 64)
            unsafe memset(raw, 0, byteCount + slack)
        }
        unsafe base = raw.bindMemory(to: Element.self, capacity: count)
        MemoryTally.add(byteCount + slack)
    }

    package convenience init(_ elements: [Element]) {
        self.init(count: elements.count)
        for (index, element) in elements.enumerated() { unsafe base[index] = element }
    }

    deinit {
        MemoryTally.add(-max(count * MemoryLayout<Element>.stride, 1) - 64 * MemoryLayout<Element>.stride)
        if mappedBytes > 0 {
            unsafe munmap(UnsafeMutableRawPointer(base), mappedBytes)
        } else {
            unsafe UnsafeMutableRawPointer(base).deallocate()
        }
    }

    package subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count, "\(index) of \(count)")
            return unsafe base[index]
        }
        set {
            precondition(index >= 0 && index < count, "\(index) of \(count)")
            unsafe base[index] = newValue
        }
    }

    /// Fills the buffer from as many little-endian elements in `bytes`, as files hold them.
    package func copy(littleEndian bytes: RawSpan) {
        precondition(bytes.byteCount == count * MemoryLayout<Element>.stride, "\(bytes.byteCount) bytes")
        // Every processor this program runs on is little-endian, so elements are copied as they are.
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe memcpy(UnsafeMutableRawPointer(base), start, source.count)
        }
    }

    /// A copy of `range`.
    package func elements(_ range: Range<Int>) -> [Element] {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of \(count)")
        return unsafe Array(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    /// Lends `range` for reading.
    package func withSpan<R, E: Error>(
        _ range: Range<Int>, _ body: (Span<Element>) throws(E) -> R
    ) throws(E) -> R {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of \(count)")
        // Named first: compilers before 6.3 crash on an address computed within a span's argument.
        let start = unsafe base + range.lowerBound
        return try unsafe body(Span(_unsafeStart: start, count: range.count))
    }

    /// Lends `range` for writing.
    package func withMutableSpan<R, E: Error>(
        _ range: Range<Int>, _ body: (inout MutableSpan<Element>) throws(E) -> R
    ) throws(E) -> R {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of \(count)")
        let start = unsafe base + range.lowerBound
        var span = unsafe MutableSpan(_unsafeStart: start, count: range.count)
        return try body(&span)
    }

    /// Copies `range` to where element `start` is; the two may not overlap.
    package func copy(_ range: Range<Int>, to start: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of \(count)")
        precondition(start >= 0 && start + range.count <= count, "\(start)+\(range.count) of \(count)")
        unsafe memcpy(base + start, base + range.lowerBound, range.count * MemoryLayout<Element>.stride)
    }

    /// Copies `range` of `source`, another buffer, to where element `start` is.
    package func copy(_ source: SharedBuffer, _ range: Range<Int>, to start: Int) {
        precondition(source !== self, "a copy within one buffer")
        precondition(
            range.lowerBound >= 0 && range.upperBound <= source.count, "\(range) of \(source.count)")
        precondition(start >= 0 && start + range.count <= count, "\(start)+\(range.count) of \(count)")
        unsafe memcpy(
            base + start, source.base + range.lowerBound, range.count * MemoryLayout<Element>.stride)
    }

    /// The address of element `index`; valid while this object lives.
    @unsafe package func address(of index: Int = 0) -> UnsafeMutablePointer<Element> {
        precondition(index >= 0 && index <= count, "\(index) of \(count)")
        return unsafe base + index
    }
}

extension SharedBuffer where Element == UInt8 {
    /// Gives the whole pages of `range` back to the machine; the bytes are worth nothing until they are written.
    /// Otherwise the kernel might fill a large page of which a part is still in use.
    package func giveBack(_ range: Range<Int>) {
        advise(range, Int32(MADV_NOHUGEPAGE))
        advise(range, Int32(MADV_DONTNEED))
    }

    /// Lets the kernel use large pages for `range` again.
    package func allowLargePages(_ range: Range<Int>) { advise(range, Int32(MADV_HUGEPAGE)) }

    /// Only for mapped buffers: others lie beside memory of others.
    private func advise(_ range: Range<Int>, _ advice: Int32) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of \(count)")
        guard mappedBytes > 0 else { return }
        // The mapping begins on a page.
        let page = ProcessFacts.pageBytes
        let first = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        guard first < end else { return }
        // Without it the memory stays, which harms nobody but the budget.
        unsafe _ = madvise(UnsafeMutableRawPointer(base + first), end - first, advice)
    }

    /// CRC-32C of the bytes of `range`.
    package func checksum(_ range: Range<Int>) -> UInt32 {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of \(count)")
        return unsafe ch_crc32c(0, address(of: range.lowerBound), range.count)
    }
}
