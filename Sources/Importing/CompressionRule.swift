internal import WeightStore

/// When compressing is worth it.
struct CompressionRule: Sendable {
    let compression: Compression
    /// Bytes per second that the model will be read with; `nil` to go by size alone.
    private let storageRate: Double?
    /// Unpack side by side.
    private let threads: Int

    init(_ compression: Compression, storageRate: Double?, threads: Int) {
        self.compression = compression
        self.storageRate = storageRate
        self.threads = max(threads, 1)
    }

    /// `encoding` when a sample of frames is worth storing so, else raw.
    func judge(_ bytes: [UInt8], _ encoding: SegmentEncoding, frameBytes: Int) -> SegmentEncoding {
        guard !bytes.isEmpty else { return .raw }
        let count = min(bytes.count, max(1, PlannedTensor.sampleBytes / frameBytes) * frameBytes)
        let encoder = FrameEncoder(
            encoding: encoding, level: Compression.defaultLevel, frameBytes: frameBytes)
        let run = encoder.encode(Array(bytes[..<count]))
        let seconds = storageRate == nil ? 0 : encoder.secondsToUnpack(run, rawBytes: count)
        return isWorthwhile(raw: count, stored: run.bytes.count, secondsToUnpack: seconds) ? encoding : .raw
    }

    /// Whether frames of `raw` bytes are had sooner, or are smaller, by a share that is worth it.
    ///
    /// - Parameter secondsToUnpack: of all of them, on one thread.
    func isWorthwhile(raw: Int, stored: Int, secondsToUnpack: Double) -> Bool {
        let least = 1 - Compression.leastGain
        guard let storageRate else { return Double(stored) <= Double(raw) * least }
        let packed = Double(stored) / storageRate + secondsToUnpack / Double(threads)
        return packed <= Double(raw) / storageRate * least
    }
}
