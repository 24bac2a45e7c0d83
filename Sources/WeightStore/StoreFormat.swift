/// The numbers of the file format, version 1; `docs/store-format.md` says what they mean.
package enum StoreFormat {
    /// The first eight bytes of every store.
    static let magic: [UInt8] = Array("CHESSWT1".utf8)
    package static let version: UInt32 = 1
    static let headerBytes = 128

    /// Large segments begin at multiples of this: the page of a Raspberry Pi 5's kernel, and of every
    /// machine with smaller pages.
    static let pageBytes = 16384
    /// Segments shorter than `smallSegmentBytes` begin at multiples of this, a cache line.
    static let lineBytes = 64
    static let smallSegmentBytes = 65536

    /// A compressed segment never stands for more than this many times its stored bytes, which bounds what
    /// a small file can make a reader allocate.
    static let greatestRatio = 256
    static let greatestFrameBytes = 1 << 28
    static let greatestMetadataBytes = 1 << 26
    static let greatestVocabularyBytes = 1 << 28
    static let greatestSegmentCount = 1 << 17
    /// No dimension of a tensor is larger, so products of three of them fit 64 bits.
    static let greatestDimension = 1 << 24

    static func alignment(ofSegment rawBytes: Int) -> Int {
        rawBytes < smallSegmentBytes ? lineBytes : pageBytes
    }
}

/// How a segment's frames are written.
package enum SegmentEncoding: UInt8, Sendable, Codable, CaseIterable {
    /// As they are: used in place from the mapped file.
    case raw = 0
    /// Each frame is one zstd frame, or the bytes themselves where that is no shorter.
    case zstd = 1
    /// As `zstd`, of a frame of 16-bit floats rearranged: all low bytes, then all high bytes.
    case zstdSplit = 2

    /// For tables: `raw`, `zstd`, `zstd split`.
    package var name: String {
        switch self {
        case .raw: "raw"
        case .zstd: "zstd"
        case .zstdSplit: "zstd split"
        }
    }
}
