internal import CHost
internal import CZstd
internal import Machine

/// CRC-32C of bytes in memory.
package enum Checksum {
    /// The checksum of `range`, or of all; traps when it leaves the bytes. Source: RFC 3720, appendix B.4.
    package static func crc32c(_ bytes: [UInt8], _ range: Range<Int>? = nil) -> UInt32 {
        let range = range ?? bytes.indices
        // UNSAFE FENCE: the buffer is lent for the call only, and slicing it checks the range.
        return unsafe bytes.withUnsafeBytes { all in
            let part = unsafe UnsafeRawBufferPointer(rebasing: all[range])
            return unsafe ch_crc32c(0, part.baseAddress, part.count)
        }
    }
}

/// What zstd says is wrong with a frame.
struct ZstdError: Error, Equatable {
    var reason: String

    init(reason: String) { self.reason = reason }

    init(code: Int) { unsafe reason = "zstd: " + String(cString: ZSTD_getErrorName(code)).lowercased() }
}

/// Writes zstd frames of one level, keeping its tables between them.
///
/// UNSAFE FENCE: `context` is created here, used by one thread at a time because this type is not Sendable,
/// and freed once. Every call passes the length of the memory it passes.
@safe final class ZstdCompressor {
    private let context: OpaquePointer?
    private let level: Int32

    /// Levels are those of zstd, 1 to 19; others are brought into that range.
    init(level: Int) {
        unsafe context = ZSTD_createCCtx()
        self.level = Int32(min(max(level, 1), 19))
    }

    deinit { _ = unsafe ZSTD_freeCCtx(context) }

    /// `range` of `raw`, or all, as one zstd frame; `nil` when that is no shorter than `limit` bytes.
    func compress(_ raw: [UInt8], _ range: Range<Int>? = nil, limit: Int) -> [UInt8]? {
        guard unsafe context != nil, limit > 0 else { return nil }
        let range = range ?? raw.indices
        var isTooLong = false
        let frame = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            let written = unsafe raw.withUnsafeBytes { all in
                let source = unsafe UnsafeRawBufferPointer(rebasing: all[range])
                return unsafe ZSTD_compressCCtx(
                    context, buffer.baseAddress, limit, source.baseAddress, source.count, level)
            }
            isTooLong = ZSTD_isError(written) != 0 || written >= limit
            count = isTooLong ? 0 : written
        }
        return isTooLong ? nil : frame
    }
}

/// Reads zstd frames, keeping its tables between them.
///
/// UNSAFE FENCE: as for `ZstdCompressor`. Output goes to memory whose range was checked by the buffer that
/// lends it; zstd never writes past the length it is given.
@safe final class ZstdDecompressor {
    private let context: OpaquePointer?

    init() { unsafe context = ZSTD_createDCtx() }

    deinit { _ = unsafe ZSTD_freeDCtx(context) }

    /// Fills `range` of `target` with the frame in `stored` of `file`, which must be exactly that long.
    func decompress(
        _ file: MappedFile, _ stored: Range<Int>, into target: SharedBuffer<UInt8>, _ range: Range<Int>
    ) throws(ZstdError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= target.count, "\(range) of \(target.count)")
        let written = file.withBytes(stored) { source in
            unsafe source.withUnsafeBytes { source in
                unsafe ZSTD_decompressDCtx(
                    context, target.address(of: range.lowerBound), range.count, source.baseAddress,
                    source.count)
            }
        }
        try check(written, expected: range.count)
    }

    /// Fills `range` of `memory` with the frame in `stored` of it; the two do not overlap.
    func decompress(
        _ memory: SharedBuffer<UInt8>, _ stored: Range<Int>, into range: Range<Int>
    ) throws(ZstdError) {
        precondition(stored.lowerBound >= 0 && stored.upperBound <= memory.count, "\(stored)")
        precondition(range.lowerBound >= 0 && range.upperBound <= memory.count, "\(range)")
        let written = unsafe ZSTD_decompressDCtx(
            context, memory.address(of: range.lowerBound), range.count, memory.address(of: stored.lowerBound),
            stored.count)
        try check(written, expected: range.count)
    }

    /// The `count` bytes that the frame in `stored` of `file` stands for.
    func decompress(_ file: MappedFile, _ stored: Range<Int>, count: Int) throws(ZstdError) -> [UInt8] {
        var written = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            written = file.withBytes(stored) { source in
                unsafe source.withUnsafeBytes { source in
                    unsafe ZSTD_decompressDCtx(
                        context, buffer.baseAddress, count, source.baseAddress, source.count)
                }
            }
            filled = ZSTD_isError(written) == 0 ? min(written, count) : 0
        }
        try check(written, expected: count)
        return bytes
    }

    private func check(_ written: Int, expected: Int) throws(ZstdError) {
        guard ZSTD_isError(written) == 0 else { throw ZstdError(code: written) }
        guard written == expected else {
            throw ZstdError(reason: "the frame holds \(written) bytes, \(expected) were expected")
        }
    }
}
