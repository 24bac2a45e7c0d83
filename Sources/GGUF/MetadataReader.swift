internal import Machine

/// Reads names and values; every count is held against the bytes that are left before anything is kept.
struct MetadataReader {
    private(set) var cursor: ByteCursor
    let path: String

    /// Far above what models have (a chat template is some kilobytes, a vocabulary some 300,000 tokens), far
    /// below what would hurt: a damaged length must not cost memory.
    static let longestName: UInt64 = 65_535
    static let longestString: UInt64 = 1 << 24
    static let longestArray: UInt64 = 1 << 22

    init(_ cursor: ByteCursor, path: String) {
        self.cursor = cursor
        self.path = path
    }

    /// Runs `body` on the cursor and says what was being read when the file ends too soon.
    mutating func read<T>(
        _ what: @autoclosure () -> String, _ body: (inout ByteCursor) throws(OutOfBounds) -> T
    ) throws(GGUFError) -> T {
        do throws(OutOfBounds) {
            return try body(&cursor)
        } catch {
            throw .truncated(
                path: path, what: what(), offset: error.offset, needed: error.needed,
                available: error.available)
        }
    }

    /// The count that comes next, refused when more than `limit` or than what is left can hold.
    mutating func count(
        of what: @autoclosure () -> String, limit: UInt64, leastBytes: Int
    ) throws(GGUFError) -> Int {
        let found = try read(what()) { (c) throws(OutOfBounds) in try c.u64() }
        try check(found, of: what(), limit: limit, leastBytes: leastBytes)
        return Int(found)
    }

    /// Refuses `found` when more than `limit` or than what is left can hold.
    func check(
        _ found: UInt64, of what: @autoclosure () -> String, limit: UInt64, leastBytes: Int
    ) throws(GGUFError) {
        let limit = min(limit, UInt64(cursor.remaining / leastBytes))
        guard found <= limit else {
            throw .tooMany(path: path, what: what(), offset: cursor.offset, found: found, limit: limit)
        }
    }

    /// Where the bytes of the next string lie.
    mutating func string(
        _ what: @autoclosure () -> String, limit: UInt64 = longestString
    ) throws(GGUFError) -> Range<Int> {
        let length = try count(of: "bytes in \(what())", limit: limit, leastBytes: 1)
        return try read(what()) { (c) throws(OutOfBounds) in try c.take(UInt64(length)) }
    }

    /// A key or the name of a tensor, which must be UTF-8.
    mutating func name(_ what: String) throws(GGUFError) -> String {
        let range = try string(what, limit: Self.longestName)
        guard let name = String(validating: cursor.file.bytes(range), as: UTF8.self) else {
            throw .notUTF8(path: path, what: what, offset: range.lowerBound)
        }
        return name
    }

    /// The type and value that follow a key.
    mutating func value(of key: String) throws(GGUFError) -> GGUFValue {
        let offset = cursor.offset
        let id = try read(key) { (c) throws(OutOfBounds) in try c.u32() }
        if id == GGUFScalarType.arrayID { return .array(try array(of: key)) }
        switch try type(id, key, offset) {
        case .string: return .string(cursor.file.bytes(try string(key)))
        case .bool: return .bool(try bool(key))
        case let type: return try number(type, key)
        }
    }

    private func type(_ id: UInt32, _ key: String, _ offset: Int) throws(GGUFError) -> GGUFScalarType {
        guard let type = GGUFScalarType(rawValue: id) else {
            throw .unknownValueType(path: path, key: key, offset: offset, found: id)
        }
        return type
    }

    private mutating func number(_ type: GGUFScalarType, _ key: String) throws(GGUFError) -> GGUFValue {
        try read(key) { (c) throws(OutOfBounds) -> GGUFValue in
            switch type {
            case .uint8, .bool: .unsigned(UInt64(try c.u8()))
            case .int8: .signed(Int64(Int8(bitPattern: try c.u8())))
            case .uint16: .unsigned(UInt64(try c.u16()))
            case .int16: .signed(Int64(Int16(bitPattern: try c.u16())))
            case .uint32: .unsigned(UInt64(try c.u32()))
            case .int32: .signed(Int64(Int32(bitPattern: try c.u32())))
            case .float32: .float(Double(try c.f32()))
            case .uint64, .string: .unsigned(try c.u64())
            case .int64: .signed(Int64(bitPattern: try c.u64()))
            case .float64: .float(try c.f64())
            }
        }
    }

    private mutating func bool(_ key: String) throws(GGUFError) -> Bool {
        let offset = cursor.offset
        let byte = try read(key) { (c) throws(OutOfBounds) in try c.u8() }
        guard byte <= 1 else { throw .notABoolean(path: path, key: key, offset: offset, found: byte) }
        return byte == 1
    }

    /// Steps over the elements, so that their range holds exactly `count` of them.
    private mutating func array(of key: String) throws(GGUFError) -> GGUFArray {
        let offset = cursor.offset
        let id = try read(key) { (c) throws(OutOfBounds) in try c.u32() }
        if id == GGUFScalarType.arrayID { throw .nestedArray(path: path, key: key, offset: offset) }
        let type = try type(id, key, offset)
        let count = try count(of: "elements of \(key)", limit: Self.longestArray, leastBytes: type.byteCount)
        let start = cursor.offset
        if type == .string {
            for index in 0..<count { _ = try string("string \(index) of \(key)") }
        } else {
            _ = try read(key) { (c) throws(OutOfBounds) in try c.take(UInt64(count * type.byteCount)) }
        }
        return GGUFArray(element: type, count: count, range: start..<cursor.offset)
    }
}
