import Machine
import Tensors

@testable import WeightStore

/// Weights of a store, one at a time, straight from the sentences of `docs/store-format.md`.
struct PlainStoreReader {
    let codes: [UInt8]
    let planes: [UInt8]
    let layout: StoredTensor.Layout

    init(_ tensor: StoredTensor) {
        codes = Self.copy(tensor.codes)
        planes = tensor.planes.map(Self.copy) ?? []
        layout = tensor.layout
    }

    private static func copy(_ region: ByteRegion) -> [UInt8] {
        switch region.backing {
        case .mapped(let file): file.bytes(region.range)
        case .resident(let buffer): buffer.elements(region.range)
        }
    }

    /// The element of a vector.
    func vector(_ index: Int) -> Float { f32(codes, index * 4) }

    /// `[row, column]` of rows, or of a bundle's `up`.
    func row(_ row: Int, _ column: Int) -> Float {
        switch layout {
        case .rows(let form, _, let columns):
            rowWeight(form, columns, at: row * form.rowStride(columns: columns), column)
        case .bundle(let up, let down, let inputs, _, let outputs):
            rowWeight(
                up, inputs, at: row * (up.rowStride(columns: inputs) + down.channelStride(outputs: outputs)),
                column)
        default: .nan
        }
    }

    /// `[output, channel]` of channels, or of a bundle's `down`.
    func channel(_ output: Int, _ channel: Int) -> Float {
        switch layout {
        case .channels(let form, let outputs, let channels):
            channelWeight(
                form, outputs, channels, at: channel * form.channelStride(outputs: outputs), output, channel)
        case .bundle(let up, let down, let inputs, let channels, let outputs):
            channelWeight(
                down, outputs, channels,
                at: channel * (up.rowStride(columns: inputs) + down.channelStride(outputs: outputs))
                    + up.rowStride(columns: inputs), output, channel)
        default: .nan
        }
    }

    /// A rough row, fine columns first, and its deviation.
    func roughRow(_ row: Int) -> (values: [Float], deviation: Float) {
        guard case .rough(_, let columns) = layout else { return ([], .nan) }
        let fine = (columns + 23) / 24 + 63
        let (bytes, coarse) = (fine / 64 * 64, (columns - fine / 64 * 64 + 63) / 64 * 64)
        let start = row * ((bytes + coarse / 4 + 8 + 15) / 16 * 16)
        let factors = start + bytes + coarse / 4
        var values = (0..<bytes).map { Float(Int8(bitPattern: codes[start + $0])) * half(codes, factors + 2) }
        for index in 0..<columns - bytes {
            let unit = index / 256 * 256
            let width = min(256, coarse - unit) / 4
            let byte = codes[start + bytes + unit / 4 + (index - unit) % width]
            let code = byte >> UInt8((index - unit) / width * 2) & 3
            values.append((Float(code) - 1.5) * half(codes, factors))
        }
        return (values, half(codes, factors + 4))
    }

    private func u16(_ bytes: [UInt8], _ at: Int) -> UInt16 { UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8 }
    private func half(_ bytes: [UInt8], _ at: Int) -> Float { Float(Float16(bitPattern: u16(bytes, at))) }
    private func f32(_ bytes: [UInt8], _ at: Int) -> Float {
        Float(bitPattern: UInt32(u16(bytes, at)) | UInt32(u16(bytes, at + 2)) << 16)
    }

    /// Code `index` of `count` that are packed from byte `at` on.
    private func code(_ form: WeightForm, at: Int, count: Int, _ index: Int) -> Int {
        let (units, unit, within) = ((count + 63) / 64, index / 64, index % 64)
        if form.code == .int8 { return Int(Int8(bitPattern: codes[at + index])) }
        let byte = codes[at + unit * 32 + within % 32]
        let low = Int(within < 32 ? byte & 15 : byte >> 4)
        switch form.code {
        case .bits5: return low + Int(codes[at + units * 32 + index / 8] >> UInt8(index % 8) & 1) * 16
        case .bits6:
            let pairs = codes[at + units * 32 + unit * 16 + within % 16]
            return low + Int(pairs >> UInt8(within / 16 * 2) & 3) * 16
        default: return low
        }
    }

    private func float(_ form: WeightForm, at: Int, _ index: Int) -> Float {
        switch form.code {
        case .f16: half(codes, at + 2 * index)
        case .bf16: Float(bitPattern: UInt32(u16(codes, at + 2 * index)) << 16)
        default: f32(codes, at + 4 * index)
        }
    }

    private func rowWeight(_ form: WeightForm, _ columns: Int, at: Int, _ column: Int) -> Float {
        if form.code.isFloat { return float(form, at: at, column) }
        let padded = (columns + 63) / 64 * 64
        let (groups, supers) = (padded / form.group, (padded + 255) / 256)
        let (group, base) = (column / form.group, at + form.packedBytes(columns))
        let code = code(form, at: at, count: columns, column)
        if form.levels == 1 {
            let scale = half(codes, base + 2 * group)
            return weight(form, code, scale, form.hasMin ? half(codes, base + 2 * (groups + group)) : nil)
        }
        let superBase = base + groups * (form.hasMin ? 2 : 1)
        let scale =
            half(codes, superBase + 2 * (column / 256)) * Float(Int8(bitPattern: codes[base + group]))
        guard form.hasMin else { return weight(form, code, scale, nil) }
        let min =
            half(codes, superBase + 2 * (supers + column / 256))
            * Float(Int8(bitPattern: codes[base + groups + group]))
        return weight(form, code, scale, min)
    }

    private func channelWeight(
        _ form: WeightForm, _ outputs: Int, _ channels: Int, at: Int, _ output: Int, _ channel: Int
    ) -> Float {
        if form.code.isFloat { return float(form, at: at, output) }
        let (padded, kinds) = ((outputs + 63) / 64 * 64, form.hasMin ? 2 : 1)
        let code = code(form, at: at, count: outputs, output)
        let (group, groups) = (channel / form.group, (channels + form.group - 1) / form.group)
        if form.levels == 1 {
            let base = group * kinds * padded * 2
            let min = form.hasMin ? half(planes, base + 2 * (padded + output)) : nil
            return weight(form, code, half(planes, base + 2 * output), min)
        }
        let base = group * kinds * padded
        let superBase = groups * kinds * padded + channel / 256 * kinds * padded * 2
        let scale = half(planes, superBase + 2 * output) * Float(Int8(bitPattern: planes[base + output]))
        guard form.hasMin else { return weight(form, code, scale, nil) }
        let min =
            half(planes, superBase + 2 * (padded + output))
            * Float(Int8(bitPattern: planes[base + padded + output]))
        return weight(form, code, scale, min)
    }

    private func weight(_ form: WeightForm, _ code: Int, _ scale: Float, _ min: Float?) -> Float {
        let product = scale * Float(code - form.offset)
        return min.map { product - $0 } ?? product
    }
}
