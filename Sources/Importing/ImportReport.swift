internal import Tensors
package import WeightStore

/// What an import did.
package struct ImportReport: Sendable {
    /// One segment of the store, or several of one kind.
    package struct Row: Sendable, Equatable, Codable {
        /// The tensor's name without the layer: `blk.*.ffn`.
        package var group: String
        package var form: String
        package var tensors: Int
        package var rawBytes: Int
        package var storedBytes: Int
        /// `raw`, `zstd` or both.
        package var encoding: String
    }

    package var rows: [Row]
    package var metadata: StoreMetadata
    /// Tensors of the source that no reader needs.
    package var ignored: [String]
    package var fileBytes: Int
    package var seconds: Double
}

extension ImportReport.Row {
    /// A table's rows for the tensors of a store: those of one group, form and encoding in one.
    package static func rows(
        _ tensors: [(name: String, layout: StoredTensor.Layout, elements: Segment, planes: Segment?)]
    ) -> [ImportReport.Row] {
        var rows: [ImportReport.Row] = []
        for tensor in tensors {
            for (segment, suffix) in [(tensor.elements, ""), (tensor.planes, " scales")] {
                guard let segment else { continue }
                let group = group(tensor.name) + suffix
                let form = suffix.isEmpty ? form(tensor.layout) : ""
                let encoding = segment.encoding.name
                if let row = rows.firstIndex(where: {
                    $0.group == group && $0.form == form && $0.encoding == encoding
                }) {
                    rows[row].tensors += 1
                    rows[row].rawBytes += segment.rawBytes
                    rows[row].storedBytes += segment.storedBytes
                } else {
                    let place = rows.lastIndex { $0.group == group }.map { $0 + 1 } ?? rows.count
                    rows.insert(
                        ImportReport.Row(
                            group: group, form: form, tensors: 1, rawBytes: segment.rawBytes,
                            storedBytes: segment.storedBytes, encoding: encoding),
                        at: place)
                }
            }
        }
        return rows
    }

    /// `blk.12.attn_q` becomes `blk.*.attn_q`.
    private static func group(_ name: String) -> String {
        name.split(separator: ".").map { $0.allSatisfy(\.isNumber) ? "*" : $0 }.joined(separator: ".")
    }

    /// The forms of a layout, for tables.
    package static func form(_ layout: StoredTensor.Layout) -> String {
        switch layout {
        case .vector: "f32"
        case .rows(let form, _, _), .channels(let form, _, _): "\(form)"
        case .bundle(let up, let down, _, _, _): up == down ? "\(up)" : "\(up) + \(down)"
        case .rough(_, let columns): "8-bit (\(RoughRows(columns: columns).fine)) + 2-bit"
        }
    }
}
