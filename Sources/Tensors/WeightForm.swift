/// How the weights of a stored matrix are written: one of a few forms that every source format maps to exactly.
///
/// A weight is `scale · (code − offset) − min`; scale and min belong to a group of consecutive inputs of one
/// output. With two levels, scale and min are a signed byte per group times an f16 per 256 inputs.
/// Packing and planes: `docs/store-format.md`.
public struct WeightForm: Sendable, Hashable {
    /// The type of one code.
    public enum Code: UInt8, Sendable, Hashable, CaseIterable {
        case bits4 = 4
        case bits5 = 5
        case bits6 = 6
        case int8 = 8
        case f16 = 16
        case bf16 = 17
        case f32 = 32

        /// Whether codes are floats, which have no scale.
        public var isFloat: Bool { self == .f16 || self == .bf16 || self == .f32 }

        /// Bytes of 64 packed codes.
        public var bytesPerUnit: Int {
            switch self {
            case .bits4: 32
            case .bits5: 40
            case .bits6: 48
            case .int8: 64
            case .f16, .bf16: 128
            case .f32: 256
            }
        }
    }

    public let code: Code
    /// Inputs that share a scale: 16 or 32; 0 for floats.
    public let group: Int
    /// 1 or 2; 0 for floats.
    public let levels: Int
    public let hasMin: Bool
    public let offset: Int

    public init(code: Code, group: Int, levels: Int, hasMin: Bool, offset: Int) {
        self.code = code
        self.group = group
        self.levels = levels
        self.hasMin = hasMin
        self.offset = offset
    }

    /// Floats of one kind, without scales.
    public static func float(_ code: Code) -> WeightForm {
        WeightForm(code: code, group: 0, levels: 0, hasMin: false, offset: 0)
    }

    /// Codes are packed in units of this many.
    public static let unit = 64
    /// Inputs that share a super scale when there are two levels.
    public static let superGroup = 256

    /// `count` rounded up to whole units.
    public static func padded(_ count: Int) -> Int { (count + unit - 1) / unit * unit }

    /// Bytes of `count` packed codes, padded to whole units.
    public func packedBytes(_ count: Int) -> Int { Self.padded(count) / Self.unit * code.bytesPerUnit }

    /// Bytes between the rows of a row-major matrix of `columns` inputs: codes and scales, to 16 bytes.
    public func rowStride(columns: Int) -> Int {
        Self.aligned(packedBytes(columns) + rowScaleBytes(columns: columns))
    }

    /// Bytes of the scales that follow a row's codes.
    public func rowScaleBytes(columns: Int) -> Int {
        guard !code.isFloat else { return 0 }
        let groups = Self.padded(columns) / group
        let kinds = hasMin ? 2 : 1
        if levels == 1 { return groups * 2 * kinds }
        return (groups + superCount(columns) * 2) * kinds
    }

    /// Bytes between the channels of a channel-major matrix: the packed codes of `outputs`, to 16 bytes.
    public func channelStride(outputs: Int) -> Int { Self.aligned(packedBytes(outputs)) }

    /// Groups of inputs, the last one possibly short.
    public func groupCount(_ inputs: Int) -> Int {
        code.isFloat ? 0 : (inputs + group - 1) / group
    }

    /// Super groups of inputs; 0 unless there are two levels.
    public func superCount(_ inputs: Int) -> Int {
        levels == 2 ? (Self.padded(inputs) + Self.superGroup - 1) / Self.superGroup : 0
    }

    /// Bytes of one group's planes over `outputs`: scale, then min.
    public func groupPlaneBytes(outputs: Int) -> Int {
        guard !code.isFloat else { return 0 }
        return Self.padded(outputs) * (levels == 1 ? 2 : 1) * (hasMin ? 2 : 1)
    }

    /// Bytes of one super group's planes over `outputs`: super scale, then super min.
    public func superPlaneBytes(outputs: Int) -> Int {
        levels == 2 ? Self.padded(outputs) * 2 * (hasMin ? 2 : 1) : 0
    }

    /// Bytes of all planes of a channel-major matrix: the groups in order, then the super groups.
    public func planeBytes(channels: Int, outputs: Int) -> Int {
        groupCount(channels) * groupPlaneBytes(outputs: outputs)
            + superCount(channels) * superPlaneBytes(outputs: outputs)
    }

    /// `byteCount` rounded up to 16.
    public static func aligned(_ byteCount: Int) -> Int { (byteCount + 15) & ~15 }
}

extension WeightForm: CustomStringConvertible {
    /// For tables: `4-bit/32 f16`, `6-bit/16 i8·f16`, `bf16`.
    public var description: String {
        switch code {
        case .f16: "f16"
        case .bf16: "bf16"
        case .f32: "f32"
        case .int8, .bits4, .bits5, .bits6:
            "\(code.rawValue)-bit/\(group) \(levels == 1 ? "f16" : "i8·f16")\(hasMin ? " min" : "")"
        }
    }
}
