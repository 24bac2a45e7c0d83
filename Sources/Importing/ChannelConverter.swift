internal import Tensors

/// Lays columns of the source out as channels of the store: codes channel by channel, scales as planes.
///
/// Works on panels of at least 256 channels, whole super groups, of all outputs.
struct ChannelConverter {
    private let source: SourceMatrix
    private let form: WeightForm
    /// Padded to whole units.
    private let outputs: Int
    /// Bytes of an element before packing.
    private let width: Int

    init(_ source: SourceMatrix) {
        self.source = source
        form = source.format.form
        outputs = WeightForm.padded(source.rows)
        width = form.code.isFloat ? source.format.blockBytes : 1
    }

    /// The planes of a panel's groups, then those of its super groups.
    struct Planes: Sendable {
        var groups: [UInt8]
        var supers: [UInt8]
    }

    /// Writes `channels` to `out`, which holds zeros, one every `stride` bytes from `at` on.
    ///
    /// - Parameter channels: begins at a multiple of 256.
    func convert(channels: Range<Int>, into out: inout [UInt8], at start: Int, stride: Int) -> Planes {
        precondition(channels.lowerBound % WeightForm.superGroup == 0, "\(channels)")
        if form.code.isFloat {
            transpose(channels: channels, into: &out, at: start, stride: stride)
            return Planes(groups: [], supers: [])
        }
        // A line more than the outputs, so that neighbouring channels do not meet in one cache set.
        let pitch = outputs + 64
        var tile = [UInt8](repeating: 0, count: channels.count * pitch)
        let planes = unpack(channels: channels, into: &tile, pitch: pitch)
        for channel in 0..<channels.count {
            CodePacking.pack(
                tile.span, from: channel * pitch, count: outputs, as: form.code, into: &out,
                at: start + channel * stride)
        }
        return planes
    }

    /// Fills `tile[channel][output]` with codes; returns the planes.
    private func unpack(channels: Range<Int>, into tile: inout [UInt8], pitch: Int) -> Planes {
        let count = channels.count
        let groups = form.groupCount(count)
        let supers = form.levels == 2 ? (count + WeightForm.superGroup - 1) / WeightForm.superGroup : 0
        var planes = Planes(
            groups: [UInt8](repeating: 0, count: groups * form.groupPlaneBytes(outputs: outputs)),
            supers: [UInt8](repeating: 0, count: supers * form.superPlaneBytes(outputs: outputs)))
        var reader = BlockReader(source.format, capacity: count)
        for output in 0..<source.rows {
            let bytes = source.bytes(row: output, columns: channels)
            reader.read(bytes.span, from: 0, count: count)
            let codes = reader.codes.span
            var at = output
            for channel in 0..<count {
                tile[at] = codes[channel]
                at += pitch
            }
            let size = form.levels == 1 ? 2 : 1
            Self.scatter(reader.scales, reader.mins, size, output, outputs, into: &planes.groups)
            Self.scatter(reader.supers, reader.superMins, 2, output, outputs, into: &planes.supers)
        }
        return planes
    }

    /// Writes one output's scales, of `size` bytes, to their places: per group a plane of scales, then of mins.
    private static func scatter(
        _ scales: [UInt16], _ mins: [UInt16], _ size: Int, _ output: Int, _ outputs: Int,
        into planes: inout [UInt8]
    ) {
        let planeBytes = outputs * size
        var at = output * size
        for group in scales.indices {
            put(scales[group], size, into: &planes, at: at)
            at += planeBytes
            guard !mins.isEmpty else { continue }
            put(mins[group], size, into: &planes, at: at)
            at += planeBytes
        }
    }

    private static func put(_ bits: UInt16, _ size: Int, into planes: inout [UInt8], at: Int) {
        planes[at] = UInt8(truncatingIfNeeded: bits)
        if size == 2 { planes[at + 1] = UInt8(bits >> 8) }
    }

    /// Floats: element `[output, channel]` of the source becomes `[channel, output]`.
    private func transpose(channels: Range<Int>, into out: inout [UInt8], at start: Int, stride: Int) {
        for output in 0..<source.rows {
            let bytes = source.bytes(row: output, columns: channels)
            for channel in 0..<channels.count {
                let to = start + channel * stride + output * width
                for i in 0..<width { out[to + i] = bytes[channel * width + i] }
            }
        }
    }
}
