internal import CHost
internal import Glibc

/// A read-only view of one whole file, unmapped when the last reference dies.
///
/// UNSAFE FENCE: `base` is valid for `byteCount` bytes until `deinit` and is never written. It leaves this
/// type as a `RawSpan` that cannot outlive `withBytes`, or as an `@unsafe` address for `Kernels`, whose
/// matrices hold a reference to this object. Truncation by another process would raise SIGBUS; our own
/// writer replaces files by rename only, so an opened file keeps its bytes.
@safe package final class MappedFile: @unchecked Sendable {
    package let path: String
    package let byteCount: Int
    private let base: UnsafeRawPointer

    /// Maps `path`, which must be a regular file that is not empty; a pipe is refused instead of waited for.
    package init(path: String) throws(FileError) {
        let descriptor = unsafe ch_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else { throw FileError(path: path, action: "open", errno: -descriptor) }
        defer { close(descriptor) }
        var facts = stat()
        guard unsafe fstat(descriptor, &facts) == 0 else {
            throw FileError(path: path, action: "read the size of", errno: errno)
        }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            let found = facts.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL
            throw FileError(path: path, action: "map", errno: found)
        }
        guard facts.st_size > 0 else { throw FileError(path: path, action: "map", errno: ENODATA) }
        byteCount = Int(facts.st_size)
        let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw FileError(path: path, action: "map", errno: errno)
        }
        self.path = path
        unsafe base = UnsafeRawPointer(address)
    }

    deinit { unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }

    /// Lends the bytes of `range`. Traps when it leaves the file: readers check every offset first.
    package func withBytes<R, E: Error>(
        _ range: Range<Int>, _ body: (RawSpan) throws(E) -> R
    ) throws(E) -> R {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "\(range) of \(byteCount)")
        // Named first: compilers before 6.3 crash on an address computed within a span's argument.
        let start = unsafe base + range.lowerBound
        return try unsafe body(RawSpan(_unsafeStart: start, byteCount: range.count))
    }

    /// A copy of the bytes of `range`; traps when it leaves the file.
    package func bytes(_ range: Range<Int>) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "\(range) of \(byteCount)")
        return unsafe Array(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    /// Copies the bytes of `range` into `buffer` from element `start`; traps when either is left.
    package func copy(_ range: Range<Int>, into buffer: SharedBuffer<UInt8>, at start: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "\(range) of \(byteCount)")
        precondition(
            start >= 0 && start + range.count <= buffer.count, "\(start)+\(range.count) of \(buffer.count)")
        unsafe memcpy(buffer.address(of: start), base + range.lowerBound, range.count)
    }

    /// CRC-32C of the bytes of `range`.
    package func checksum(_ range: Range<Int>) -> UInt32 {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "\(range) of \(byteCount)")
        return unsafe ch_crc32c(0, base + range.lowerBound, range.count)
    }

    /// What the kernel should do about the pages of a range.
    package enum Advice: Sendable { case willNeed, sequential, dontNeed }

    /// Tells the kernel how the whole file will be used.
    package func advise(_ advice: Advice) { advise(advice, 0..<byteCount) }

    /// Tells the kernel how `range` will be used; widened to whole pages, and never an error.
    package func advise(_ advice: Advice, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "\(range) of \(byteCount)")
        let start = range.lowerBound & ~4095
        let flag =
            switch advice {
            case .willNeed: MADV_WILLNEED
            case .sequential: MADV_SEQUENTIAL
            case .dontNeed: MADV_DONTNEED
            }
        _ = unsafe madvise(
            UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start, Int32(flag))
    }

    /// The address of byte `offset`; valid while this object lives.
    @unsafe package func address(of offset: Int) -> UnsafeRawPointer {
        precondition(offset >= 0 && offset <= byteCount, "\(offset) of \(byteCount)")
        return unsafe base + offset
    }
}
