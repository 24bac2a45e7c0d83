/// A channel-major matrix cut into panels of 128 outputs: each is a matrix of its own, its channels one behind the
/// other and then its scale planes.
///
/// Where every channel is kept, a processor reads a panel from end to end and foresees all of it; of whole channels
/// it takes a piece of each of 32, which it cannot. Measured on Zen 5, two cores, 4-bit codes of 8960 outputs: 54
/// GB/s for 39. Where channels are left out their pieces should be long, so those matrices are not cut.
public struct PanelLayout: Sendable, Equatable {
    /// Outputs of a panel; the last one may have fewer.
    public static let width = 128

    public let form: WeightForm
    public let outputs: Int
    public let channels: Int

    /// - Parameter form: of integer codes.
    public init(form: WeightForm, outputs: Int, channels: Int) {
        precondition(
            !form.code.isFloat && outputs > 0 && channels > 0, "[\(outputs), \(channels)] of \(form)")
        self.form = form
        self.outputs = outputs
        self.channels = channels
    }

    /// Panels, the last one possibly narrower.
    public var count: Int { (outputs + Self.width - 1) / Self.width }

    /// The outputs of panel `index`.
    public func outputs(of index: Int) -> Range<Int> {
        index * Self.width..<min((index + 1) * Self.width, outputs)
    }

    /// Where panel `index` begins, in bytes; for `count` the length of all.
    public func offset(of index: Int) -> Int {
        index < count
            ? index * byteCount(outputs: Self.width) : offset(of: count - 1) + byteCount(of: count - 1)
    }

    /// Bytes of all panels.
    public var byteCount: Int { offset(of: count) }

    /// Bytes from the start of panel `index` to its planes.
    public func planeOffset(of index: Int) -> Int {
        channels * form.packedBytes(outputs(of: index).count)
    }

    private func byteCount(of index: Int) -> Int { byteCount(outputs: outputs(of: index).count) }

    private func byteCount(outputs: Int) -> Int {
        channels * form.packedBytes(outputs) + form.planeBytes(channels: channels, outputs: outputs)
    }
}
