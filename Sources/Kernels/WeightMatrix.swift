internal import CKernels
package import Machine
package import Tensors

/// A matrix `[rows, columns]` stored row by row; see `ck_rows`.
///
/// UNSAFE FENCE: `init` has compared the region's length with what the kernels walk; the region keeps the
/// bytes alive and in place, and they are never written. Of scattered rows the cache that places them promises
/// that every place it has ever written lies in the region.
@safe package struct RowMatrix: @unchecked Sendable {
    package let form: WeightForm
    package let rows: Int
    package let columns: Int
    /// Bytes that reading one row touches.
    package let rowBytes: Int
    private let region: ByteRegion
    private let places: SharedBuffer<UInt32>?
    let raw: ck_rows

    /// - Parameters:
    ///   - stride: bytes from one row to the next; the form's own unless rows are part of a bundle.
    ///   - offset: of the first row in `region`.
    ///   - places: where each row lies, in units of 16 bytes from `offset` on; by `stride` without them.
    package init(
        form: WeightForm, rows: Int, columns: Int, region: ByteRegion, offset: Int = 0, stride: Int? = nil,
        places: SharedBuffer<UInt32>? = nil
    ) {
        let stride = stride ?? form.rowStride(columns: columns)
        rowBytes = form.packedBytes(columns) + form.rowScaleBytes(columns: columns)
        precondition(
            rows > 0
                && (places.map { $0.count >= rows }
                    ?? (offset + (rows - 1) * stride + rowBytes <= region.byteCount)),
            "[\(rows), \(columns)] at \(offset) by \(stride) of \(region.byteCount) bytes")
        self.form = form
        self.rows = rows
        self.columns = columns
        self.region = region
        self.places = places
        unsafe raw = ck_rows(
            form: form.raw, rows: rows, cols: columns, base: region.base + offset, stride: stride,
            places: places.map { unsafe UnsafePointer($0.address()) }, ahead: ck_ahead())
    }
}

/// A matrix `[outputs, channels]` stored input channel by input channel; see `ck_channels`.
///
/// UNSAFE FENCE: as for `RowMatrix`.
@safe package struct ChannelMatrix: @unchecked Sendable {
    package let form: WeightForm
    package let outputs: Int
    package let channels: Int
    /// Bytes that reading one channel touches, without its share of the planes.
    package let channelBytes: Int
    /// Bytes of all scale planes.
    package let planeBytes: Int
    private let codes: ByteRegion
    private let planes: ByteRegion?
    private let places: SharedBuffer<UInt32>?
    private let panels: PanelLayout?
    /// The whole matrix; the first panel where there are some.
    let raw: ck_channels

    /// - Parameters:
    ///   - stride: bytes from one channel to the next; the form's own unless channels are part of a bundle.
    ///   - offset: of the first channel in `codes`.
    ///   - places: where each channel lies, in units of 16 bytes from `offset` on; by `stride` without them.
    package init(
        form: WeightForm, outputs: Int, channels: Int, codes: ByteRegion, planes: ByteRegion?,
        offset: Int = 0, stride: Int? = nil, places: SharedBuffer<UInt32>? = nil
    ) {
        let stride = stride ?? form.channelStride(outputs: outputs)
        channelBytes = form.packedBytes(outputs)
        planeBytes = form.planeBytes(channels: channels, outputs: outputs)
        precondition(
            channels > 0
                && (places.map { $0.count >= channels }
                    ?? (offset + (channels - 1) * stride + channelBytes <= codes.byteCount)),
            "\(channels) channels at \(offset) by \(stride) of \(codes.byteCount) bytes")
        precondition(planeBytes <= planes?.byteCount ?? 0, "\(planeBytes) bytes of planes")
        self.form = form
        self.outputs = outputs
        self.channels = channels
        self.codes = codes
        self.planes = planes
        self.places = places
        panels = nil
        unsafe raw = Self.raw(
            form, outputs, channels, codes: codes.base + offset, stride: stride,
            places: places.map { unsafe UnsafePointer($0.address()) },
            planes: planes.map { unsafe $0.base })
    }

    /// A matrix in panels, which begin at the start of `region`.
    package init(_ panels: PanelLayout, region: ByteRegion) {
        precondition(panels.byteCount <= region.byteCount, "\(panels.byteCount) of \(region.byteCount) bytes")
        form = panels.form
        outputs = panels.outputs
        channels = panels.channels
        channelBytes = form.packedBytes(outputs)
        planeBytes = form.planeBytes(channels: channels, outputs: outputs)
        codes = region
        planes = nil
        places = nil
        self.panels = panels
        unsafe raw = Self.panel(0, of: panels, in: region)
    }

    private static func panel(_ index: Int, of panels: PanelLayout, in region: ByteRegion) -> ck_channels {
        let outputs = panels.outputs(of: index).count
        let start = unsafe region.base + panels.offset(of: index)
        return unsafe raw(
            panels.form, outputs, panels.channels, codes: start, stride: panels.form.packedBytes(outputs),
            places: nil, planes: start + panels.planeOffset(of: index))
    }

    /// The planes of groups begin at `planes`, those of super groups follow them.
    private static func raw(
        _ form: WeightForm, _ outputs: Int, _ channels: Int, codes: UnsafePointer<UInt8>, stride: Int,
        places: UnsafePointer<UInt32>?, planes: UnsafePointer<UInt8>?
    ) -> ck_channels {
        let groupStride = form.groupPlaneBytes(outputs: outputs)
        return unsafe ck_channels(
            form: form.raw, outputs: outputs, channels: channels, codes: codes, stride: stride,
            places: places,
            groups: planes, group_stride: groupStride,
            supers: planes.map { unsafe $0 + form.groupCount(channels) * groupStride },
            super_stride: form.superPlaneBytes(outputs: outputs), ahead: ck_ahead())
    }

    /// Calls `body` with each matrix that holds some of `outputs`: its first output, and which of its own those are.
    @unsafe func forEachPart(
        of outputs: Range<Int>, _ body: (inout ck_channels, Int, Range<Int>) -> Void
    ) {
        guard let panels else {
            var whole = unsafe raw
            return unsafe body(&whole, 0, outputs)
        }
        for index in outputs.lowerBound / PanelLayout.width..<panels.count {
            let own = panels.outputs(of: index).clamped(to: outputs)
            guard !own.isEmpty else { return }
            let first = index * PanelLayout.width
            var panel = unsafe Self.panel(index, of: panels, in: codes)
            unsafe body(&panel, first, own.lowerBound - first..<own.upperBound - first)
        }
    }

    /// Whether outputs lie panel by panel, and channels in pieces.
    package var isInPanels: Bool { panels != nil }

    /// Blocks of 32 channels, the last one possibly short.
    package var blocks: Int { (channels + 31) / 32 }
}

extension WeightForm {
    var raw: ck_form {
        ck_form(
            bits: code.rawValue, group: UInt8(group), levels: UInt8(levels), has_min: hasMin ? 1 : 0,
            offset: Int32(offset))
    }
}
