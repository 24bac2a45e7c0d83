internal import Machine
internal import WireAPI

/// Reads members of a JSON file of measurements; its errors say which member of which file is no use.
struct MeasurementReader {
    private static let greatestBytes = 16 << 20

    let path: String
    /// What writes such files, such as `chessctl eval --json`.
    private let tool: String
    /// Where in the file, such as `profiles[2].`.
    private let place: String
    private let object: JSONObject

    init(path: String, tool: String) throws {
        let file = try MappedFile(path: path)
        guard file.byteCount <= Self.greatestBytes else {
            throw ModelToolError.measurements(
                path: path, reason: "\(file.byteCount) bytes, at most \(Self.greatestBytes) are read")
        }
        try self.init(bytes: file.bytes(0..<file.byteCount), path: path, tool: tool)
    }

    init(bytes: [UInt8], path: String, tool: String) throws(ModelToolError) {
        let value: JSONValue
        do throws(JSONSyntaxError) { value = try JSONValue(parsing: bytes) } catch {
            throw .measurements(path: path, reason: "not JSON, \(error); \(Self.advice(tool))")
        }
        guard case .object(let object) = value else {
            throw .measurements(
                path: path, reason: "it is \(value.kind), an object is needed; \(Self.advice(tool))")
        }
        self.init(object, path: path, tool: tool, place: "")
    }

    private init(_ object: JSONObject, path: String, tool: String, place: String) {
        self.object = object
        self.path = path
        self.tool = tool
        self.place = place
    }

    func text(_ key: String) throws(ModelToolError) -> String {
        guard let text = object[key]?.stringValue else { throw missing(key, "a string") }
        return text
    }

    func count(_ key: String) throws(ModelToolError) -> Int {
        guard let count = object[key]?.intValue, count >= 0 else { throw missing(key, "a count") }
        return count
    }

    func number(_ key: String, _ range: ClosedRange<Double>) throws(ModelToolError) -> Double {
        guard let number = object[key]?.doubleValue else { throw missing(key, "a number") }
        try check(number, key, range)
        return number
    }

    func numbers(_ key: String, _ range: ClosedRange<Double>) throws(ModelToolError) -> [Double] {
        guard case .array(let items)? = object[key] else { throw missing(key, "a list") }
        return try items.enumerated().map { (index, item) throws(ModelToolError) in
            guard let number = item.doubleValue else {
                throw wrong("\(key)[\(index)]", "is \(item.kind), a number is needed")
            }
            try check(number, "\(key)[\(index)]", range)
            return number
        }
    }

    /// The objects of a list.
    func list(_ key: String) throws(ModelToolError) -> [MeasurementReader] {
        guard case .array(let items)? = object[key] else { throw missing(key, "a list") }
        return try items.enumerated().map { (index, item) throws(ModelToolError) in
            guard case .object(let object) = item else {
                throw wrong("\(key)[\(index)]", "is \(item.kind), an object is needed")
            }
            return MeasurementReader(object, path: path, tool: tool, place: "\(place)\(key)[\(index)].")
        }
    }

    private func check(
        _ number: Double, _ key: String, _ range: ClosedRange<Double>
    ) throws(ModelToolError) {
        guard range.contains(number) else {
            throw wrong(
                key,
                "is \(number), from \(Figure.significant(range.lowerBound)) to "
                    + "\(Figure.significant(range.upperBound)) makes sense")
        }
    }

    private func missing(_ key: String, _ needed: String) -> ModelToolError {
        wrong(key, "is \(object[key]?.kind ?? "missing"), \(needed) is needed")
    }

    private func wrong(_ key: String, _ problem: String) -> ModelToolError {
        .measurements(path: path, reason: "\(place)\(key) \(problem); \(Self.advice(tool))")
    }

    private static func advice(_ tool: String) -> String { "give what \"\(tool)\" wrote" }
}
