internal import Machine

/// Metadata by key: `nil` when absent, an error that names key, expectation and finding when of another type.
extension GGUFFile {
    /// A whole number of any width.
    package func int(_ key: String) throws(GGUFError) -> Int? {
        guard let value = metadata[key] else { return nil }
        switch value {
        case .unsigned(let number) where number <= UInt64(Int.max): return Int(number)
        case .signed(let number): return Int(number)
        default: throw mismatch(key, "a whole number", value)
        }
    }

    /// A number of any kind, rounded to float.
    package func float(_ key: String) throws(GGUFError) -> Float? {
        guard let value = metadata[key] else { return nil }
        switch value {
        case .float(let number): return Float(number)
        case .unsigned(let number): return Float(number)
        case .signed(let number): return Float(number)
        default: throw mismatch(key, "a number", value)
        }
    }

    package func bool(_ key: String) throws(GGUFError) -> Bool? {
        guard let value = metadata[key] else { return nil }
        guard case .bool(let flag) = value else { throw mismatch(key, "a boolean", value) }
        return flag
    }

    /// A string; bytes that are not UTF-8 become U+FFFD.
    package func string(_ key: String) throws(GGUFError) -> String? {
        guard let value = metadata[key] else { return nil }
        guard case .string(let bytes) = value else { throw mismatch(key, "a string", value) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// An array of strings as bytes: tokens need not be UTF-8.
    ///
    /// - Cost: one allocation per string; 150,000 took 15 ms in release on a desktop core.
    package func strings(_ key: String) throws(GGUFError) -> [[UInt8]]? {
        try elements(key, [.string], "an array of strings") { (reader, _) throws(GGUFError) in
            let range = try reader.string(key)
            return reader.cursor.file.bytes(range)
        }
    }

    /// An array of float32.
    package func floats(_ key: String) throws(GGUFError) -> [Float]? {
        try elements(key, [.float32], "an array of float32") { (reader, _) throws(GGUFError) in
            try reader.read(key) { (c) throws(OutOfBounds) in try c.f32() }
        }
    }

    /// An array of int32, or of uint32 that fit.
    package func int32s(_ key: String) throws(GGUFError) -> [Int32]? {
        let expected = "an array of int32"
        return try elements(key, [.int32, .uint32], expected) { (reader, type) throws(GGUFError) in
            let bits = try reader.read(key) { (c) throws(OutOfBounds) in try c.u32() }
            guard type == .int32 || bits <= UInt32(Int32.max) else {
                throw .wrongType(
                    path: path, key: key, expected: expected,
                    found: "an array of uint32 with the number \(bits)")
            }
            return Int32(bitPattern: bits)
        }
    }

    private func elements<T>(
        _ key: String, _ allowed: [GGUFScalarType], _ expected: String,
        _ next: (inout MetadataReader, GGUFScalarType) throws(GGUFError) -> T
    ) throws(GGUFError) -> [T]? {
        guard let value = metadata[key] else { return nil }
        guard case .array(let array) = value, allowed.contains(array.element) else {
            throw mismatch(key, expected, value)
        }
        var reader = MetadataReader(ByteCursor(file, range: array.range), path: path)
        var values: [T] = []
        values.reserveCapacity(array.count)
        for _ in 0..<array.count { values.append(try next(&reader, array.element)) }
        return values
    }

    private func mismatch(_ key: String, _ expected: String, _ value: GGUFValue) -> GGUFError {
        .wrongType(path: path, key: key, expected: expected, found: value.kind)
    }
}
