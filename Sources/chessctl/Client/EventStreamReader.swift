/// Takes server-sent events out of a byte stream, however it is cut.
struct EventStreamReader {
    private var line: [UInt8] = []
    private var data: [UInt8]?

    /// Bytes kept for an event that is not complete.
    var pendingBytes: Int { line.count + (data?.count ?? 0) }

    /// The data of the events that are complete now, in order.
    mutating func read(_ bytes: some Sequence<UInt8>) -> [String] {
        var events: [String] = []
        for byte in bytes {
            guard byte == 0x0A else {
                line.append(byte)
                continue
            }
            if line.last == 0x0D { line.removeLast() }
            if line.isEmpty {
                if let data { events.append(String(decoding: data, as: UTF8.self)) }
                data = nil
            } else if line.starts(with: "data:".utf8) {
                let value = line.dropFirst(line.count > 5 && line[5] == 0x20 ? 6 : 5)
                data = (data.map { $0 + [0x0A] } ?? []) + value
            }
            line.removeAll(keepingCapacity: true)
        }
        return events
    }
}
