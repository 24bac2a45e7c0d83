internal import Machine

/// In which order a tensor's records lie in the file, where that is not the order of their numbers.
package struct RecordOrder: Sendable, Equatable {
    /// `[count]`: the record at each place.
    package let records: [UInt32]
    /// `[count]`: the place of each record.
    package let places: [UInt32]

    /// `nil` unless `records` holds every number below its count once.
    package init?(_ records: [UInt32]) {
        var places = [UInt32](repeating: .max, count: records.count)
        for (place, record) in records.enumerated() {
            guard record < records.count, places[Int(record)] == .max else { return nil }
            places[Int(record)] = UInt32(place)
        }
        self.records = records
        self.places = places
    }
}

extension StoreFile {
    /// The orders of tensors that have one, by the number of the segment with their records.
    ///
    /// - Throws: a wrong checksum, or a list that leaves a record out.
    func orders() throws(StoreError) -> [Int: RecordOrder] {
        var orders: [Int: RecordOrder] = [:]
        for entry in metadata.tensors {
            guard let number = entry.order else { continue }
            let segment = index.segments[number]
            try check(segment.range, frame: 0, of: number)
            var reader = ByteReader(file.bytes(segment.range))
            var records: [UInt32] = []
            records.reserveCapacity(segment.rawBytes / 4)
            while let record = reader.u32() { records.append(record) }
            guard let order = RecordOrder(records) else {
                throw .unreadable(
                    path: path, part: segmentNames[number], offset: segment.offset,
                    reason: "not every one of its \(records.count) records has one place")
            }
            orders[entry.elements] = order
        }
        return orders
    }
}
