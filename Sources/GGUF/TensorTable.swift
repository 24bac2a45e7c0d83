internal import Machine
internal import Tensors

/// The tensor table, read and held against the file.
struct TensorTable {
    private(set) var tensors: [GGUFTensor] = []
    private(set) var index: [String: Int] = [:]

    private struct Entry {
        var name: String
        var shape: Shape
        var type: ElementType
        /// From the start of the data, which follows the table.
        var offset: UInt64
    }

    /// Reads `count` entries, then places them in the bytes that follow.
    init(_ reader: inout MetadataReader, count: Int, alignment value: GGUFValue?) throws(GGUFError) {
        let alignment = try Self.alignment(value, reader.path)
        var entries: [Entry] = []
        for number in 0..<count {
            let offset = reader.cursor.offset
            let entry = try Self.entry(&reader, number)
            guard index.updateValue(number, forKey: entry.name) == nil else {
                throw .duplicate(path: reader.path, what: "tensor", name: entry.name, offset: offset)
            }
            entries.append(entry)
        }
        let dataStart = (reader.cursor.offset + alignment - 1) / alignment * alignment
        for entry in entries {
            tensors.append(try Self.place(entry, dataStart, alignment, reader))
        }
        try refuseOverlaps(reader.path)
    }

    private static func alignment(_ value: GGUFValue?, _ path: String) throws(GGUFError) -> Int {
        guard let value else { return 32 }
        guard case .unsigned(let alignment) = value else {
            throw .wrongType(
                path: path, key: "general.alignment", expected: "an unsigned number", found: value.kind)
        }
        guard alignment > 0, alignment <= 65_536, alignment & (alignment - 1) == 0 else {
            throw .alignment(path: path, found: alignment)
        }
        return Int(alignment)
    }

    private static func entry(_ reader: inout MetadataReader, _ number: Int) throws(GGUFError) -> Entry {
        let path = reader.path
        let name = try reader.name("name of tensor \(number)")
        let shape = try shape(of: name, &reader)
        let typeOffset = reader.cursor.offset
        let id = try reader.read("type of tensor \(name)") { (c) throws(OutOfBounds) in try c.u32() }
        guard let type = ElementType(rawValue: id) else {
            throw .tensor(path: path, name: name, fault: .type(offset: typeOffset, found: id))
        }
        guard shape.columns % type.blockElements == 0 else {
            throw .tensor(path: path, name: name, fault: .partialBlock(type: type, columns: shape.columns))
        }
        let offset = try reader.read("offset of tensor \(name)") { (c) throws(OutOfBounds) in try c.u64() }
        return Entry(name: name, shape: shape, type: type, offset: offset)
    }

    private static func shape(
        of name: String, _ reader: inout MetadataReader
    ) throws(GGUFError) -> Shape {
        let what = "sizes of tensor \(name)"
        let offset = reader.cursor.offset
        let rank = try reader.read(what) { (c) throws(OutOfBounds) in try c.u32() }
        guard rank >= 1, rank <= Shape.maximumRank else {
            throw .tensor(path: reader.path, name: name, fault: .rank(offset: offset, found: rank))
        }
        var sizes: [UInt64] = []
        for _ in 0..<rank { sizes.append(try reader.read(what) { (c) throws(OutOfBounds) in try c.u64() }) }
        guard let shape = Shape(sizes.reversed().map { Int(clamping: $0) }), shape.elementCount < 1 << 48
        else {
            throw .tensor(path: reader.path, name: name, fault: .sizes(offset: offset, found: sizes))
        }
        return shape
    }

    private static func place(
        _ entry: Entry, _ dataStart: Int, _ alignment: Int, _ reader: MetadataReader
    ) throws(GGUFError) -> GGUFTensor {
        // Below 2^50: a shape has fewer than 2^48 elements of at most four bytes.
        let needed = entry.shape.elementCount / entry.type.blockElements * entry.type.blockBytes
        let fileLength = reader.cursor.end
        let (start, overflow) = UInt64(dataStart).addingReportingOverflow(entry.offset)
        guard !overflow, start <= UInt64(fileLength), needed <= fileLength - Int(start) else {
            let fault = GGUFTensorFault.outsideFile(
                offset: overflow ? .max : start, needed: needed, fileLength: fileLength)
            throw .tensor(path: reader.path, name: entry.name, fault: fault)
        }
        guard entry.offset % UInt64(alignment) == 0 else {
            let fault = GGUFTensorFault.misaligned(
                dataOffset: entry.offset, dataStart: dataStart, alignment: alignment)
            throw .tensor(path: reader.path, name: entry.name, fault: fault)
        }
        return GGUFTensor(
            name: entry.name, type: entry.type, shape: entry.shape,
            fileRange: Int(start)..<Int(start) + needed)
    }

    private func refuseOverlaps(_ path: String) throws(GGUFError) {
        let sorted = tensors.sorted { $0.fileRange.lowerBound < $1.fileRange.lowerBound }
        for (before, after) in zip(sorted, sorted.dropFirst())
        where after.fileRange.lowerBound < before.fileRange.upperBound {
            let fault = GGUFTensorFault.overlap(
                offset: after.fileRange.lowerBound, other: before.name, otherEnd: before.fileRange.upperBound)
            throw .tensor(path: path, name: after.name, fault: fault)
        }
    }
}
