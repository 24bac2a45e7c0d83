package import Machine
package import Tensors

/// One weight tensor of an open store, ready for the kernels; its bytes are resident or mapped.
package struct StoredTensor: Sendable {
    /// How the elements lie; see `docs/store-format.md`.
    package enum Layout: Sendable, Equatable {
        /// `[count]` f32.
        case vector(count: Int)
        /// `[rows, columns]`, row by row: codes and scales of a row together.
        case rows(form: WeightForm, rows: Int, columns: Int)
        /// `[outputs, channels]`, input channel by input channel; scales as planes.
        case channels(form: WeightForm, outputs: Int, channels: Int)
        /// `up` `[channels, inputs]` and `down` `[outputs, channels]`: row c of `up`, then channel c of `down`,
        /// `up.rowStride(columns: inputs) + down.channelStride(outputs: outputs)` bytes; `planes` are those of `down`.
        case bundle(up: WeightForm, down: WeightForm, inputs: Int, channels: Int, outputs: Int)
        /// `[rows, columns]`, row by row, roughly: see `RoughRows`.
        case rough(rows: Int, columns: Int)
    }

    package let name: String
    package let layout: Layout
    /// Vector elements, rows, channels or bundles, one after another.
    package let codes: StoredBytes
    /// Scale planes of channel-major layouts with integer codes.
    package let planes: StoredBytes?
    /// Set when `codes` holds panels, each with its planes.
    package let panels: PanelLayout?
    /// Where each record begins in `codes`, in units of `RecordCache.placeBytes`; `nil` when they lie in the
    /// order of their numbers.
    package let places: SharedBuffer<UInt32>?
    /// Set when only some records are in memory: `codes` is then the cache's memory, and `places` is true of
    /// those that are there.
    package let cached: CachedTensor?

    package init(
        name: String, layout: Layout, codes: StoredBytes, planes: StoredBytes?, panels: PanelLayout? = nil,
        places: SharedBuffer<UInt32>? = nil, cached: CachedTensor? = nil
    ) {
        self.name = name
        self.layout = layout
        self.codes = codes
        self.planes = planes
        self.panels = panels
        self.places = places
        self.cached = cached
    }
}

/// Bytes of a segment: a range of the mapped file, or memory it was decompressed into.
package typealias StoredBytes = ByteRegion
