package import Tensors

/// Builds a GGUF file in memory: metadata and tensors as given, right or wrong.
///
/// Nothing is checked, so that tests can build files no writer would write.
package struct GGUFBuilder {
    /// An entry of the tensor table with its data.
    package struct Tensor {
        package var name: String
        /// Innermost first, as the file has them.
        package var sizes: [UInt64]
        package var typeID: UInt32
        /// From the start of the data; `nil` puts it behind the tensor before, aligned.
        package var offset: UInt64?
        package var bytes: [UInt8]
    }

    package var version: UInt32 = 3
    /// In the order they are written; a name may occur twice.
    package var metadata: [(key: String, value: GGUFBuilderValue)] = []
    package var tensors: [Tensor] = []
    /// Where tensors are put; written as `general.alignment` by the tests that want it in the file.
    package var alignment = 32
    /// What the header says when that is not what follows.
    package var statedKeyCount: UInt64?
    package var statedTensorCount: UInt64?

    package init() {}

    /// Appends a key.
    package mutating func set(_ key: String, _ value: GGUFBuilderValue) { metadata.append((key, value)) }

    /// Appends a tensor of blocks; `shape` is `[outer, inner]`.
    package mutating func add(_ name: String, _ type: ElementType, shape: [Int], bytes: [UInt8]) {
        let sizes = shape.reversed().map { UInt64($0) }
        tensors.append(Tensor(name: name, sizes: sizes, typeID: type.rawValue, offset: nil, bytes: bytes))
    }

    /// Appends a tensor of F32; `shape` is `[outer, inner]`.
    package mutating func add(_ name: String, shape: [Int], floats: [Float]) {
        add(name, .f32, shape: shape, bytes: floats.flatMap { littleEndian($0.bitPattern) })
    }

    /// Everything before the data, without the padding to it.
    package func header() -> [UInt8] {
        var bytes = Array("GGUF".utf8) + littleEndian(version)
        bytes += littleEndian(statedTensorCount ?? UInt64(tensors.count))
        bytes += littleEndian(statedKeyCount ?? UInt64(metadata.count))
        for (key, value) in metadata {
            bytes += ggufString(Array(key.utf8)) + littleEndian(value.typeID) + value.bytes
        }
        for (tensor, offset) in zip(tensors, offsets) {
            bytes += ggufString(Array(tensor.name.utf8)) + littleEndian(UInt32(tensor.sizes.count))
            bytes += tensor.sizes.flatMap { littleEndian($0) }
            bytes += littleEndian(tensor.typeID) + littleEndian(tensor.offset ?? offset)
        }
        return bytes
    }

    /// The whole file.
    package func encoded() -> [UInt8] {
        var bytes = header()
        guard !tensors.isEmpty else { return bytes }
        for tensor in tensors {
            bytes += [UInt8](repeating: 0, count: aligned(bytes.count) - bytes.count) + tensor.bytes
        }
        return bytes
    }

    /// Where the data of each tensor lies, from the start of the data.
    private var offsets: [UInt64] {
        var next = 0
        return tensors.map { tensor in
            let offset = aligned(next)
            next = offset + tensor.bytes.count
            return UInt64(offset)
        }
    }

    private func aligned(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }
}

/// A metadata value to write.
package enum GGUFBuilderValue {
    case uint8(UInt8), int8(Int8), uint16(UInt16), int16(Int16), uint32(UInt32), int32(Int32)
    case uint64(UInt64), int64(Int64), float32(Float), float64(Double), bool(Bool)
    case string(String)
    case strings([String]), byteStrings([[UInt8]]), float32s([Float]), int32s([Int32]), uint32s([UInt32])
    /// Any type id and bytes.
    case raw(typeID: UInt32, bytes: [UInt8])

    var typeID: UInt32 {
        switch self {
        case .uint8: 0
        case .int8: 1
        case .uint16: 2
        case .int16: 3
        case .uint32: 4
        case .int32: 5
        case .float32: 6
        case .bool: 7
        case .string: 8
        case .strings, .byteStrings, .float32s, .int32s, .uint32s: 9
        case .uint64: 10
        case .int64: 11
        case .float64: 12
        case .raw(let typeID, _): typeID
        }
    }

    var bytes: [UInt8] {
        switch self {
        case .uint8(let value): [value]
        case .int8(let value): [UInt8(bitPattern: value)]
        case .uint16(let value): littleEndian(value)
        case .int16(let value): littleEndian(value)
        case .uint32(let value): littleEndian(value)
        case .int32(let value): littleEndian(value)
        case .uint64(let value): littleEndian(value)
        case .int64(let value): littleEndian(value)
        case .float32(let value): littleEndian(value.bitPattern)
        case .float64(let value): littleEndian(value.bitPattern)
        case .bool(let value): [value ? 1 : 0]
        case .string(let text): ggufString(Array(text.utf8))
        case .strings(let texts): Self.array(8, texts.map { ggufString(Array($0.utf8)) })
        case .byteStrings(let strings): Self.array(8, strings.map(ggufString))
        case .float32s(let values): Self.array(6, values.map { littleEndian($0.bitPattern) })
        case .int32s(let values): Self.array(5, values.map { littleEndian($0) })
        case .uint32s(let values): Self.array(4, values.map { littleEndian($0) })
        case .raw(_, let bytes): bytes
        }
    }

    private static func array(_ elementID: UInt32, _ elements: [[UInt8]]) -> [UInt8] {
        littleEndian(elementID) + littleEndian(UInt64(elements.count)) + elements.flatMap { $0 }
    }
}

/// The bytes of an integer, least significant first.
package func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    (0..<T.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> T($0 * 8)) }
}

/// A length of 64 bits, then the bytes.
private func ggufString(_ bytes: [UInt8]) -> [UInt8] { littleEndian(UInt64(bytes.count)) + bytes }
