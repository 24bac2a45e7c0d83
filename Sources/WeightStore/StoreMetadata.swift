package import Tensors

/// What the metadata part of a store says, as JSON.
package struct StoreMetadata: Sendable, Equatable, Codable {
    package var model: ModelParameters
    package var tensors: [TensorEntry]
    /// The model's own Jinja template; `nil` when its file had none.
    package var chatTemplate: String?
    /// Facts of the source such as `general.license`, as text.
    package var general: [String: String]
    package var provenance: Provenance

    package init(
        model: ModelParameters, tensors: [TensorEntry], chatTemplate: String?, general: [String: String],
        provenance: Provenance
    ) {
        self.model = model
        self.tensors = tensors
        self.chatTemplate = chatTemplate
        self.general = general
        self.provenance = provenance
    }
}

/// Where a store came from.
package struct Provenance: Sendable, Equatable, Codable {
    /// Without folders.
    package var sourceName: String
    package var sourceBytes: Int
    /// Of the whole source file, in hexadecimal.
    package var sourceSHA256: String
    /// ISO 8601, UTC.
    package var importedAt: String
    package var importer: String
    /// What was asked for: `auto`, `none` or `zstd:LEVEL`.
    package var compression: String

    package init(
        sourceName: String, sourceBytes: Int, sourceSHA256: String, importedAt: String, importer: String,
        compression: String
    ) {
        self.sourceName = sourceName
        self.sourceBytes = sourceBytes
        self.sourceSHA256 = sourceSHA256
        self.importedAt = importedAt
        self.importer = importer
        self.compression = compression
    }
}

/// A tensor of the metadata: its layout, and the segments that hold its bytes.
package struct TensorEntry: Sendable, Equatable, Codable {
    package var name: String
    /// `vector`, `rows`, `channels`, `bundle` or `rough`.
    package var layout: String
    /// `[count]`, `[rows, columns]`, `[outputs, channels]` or `[inputs, channels, outputs]`; of `rough` as of rows.
    package var dimensions: [Int]
    /// Of rows and channels, or of a bundle's `up`; absent for vectors and rough rows.
    package var form: FormEntry?
    /// Of a bundle's `down`.
    package var downForm: FormEntry?
    /// Number of the segment with vector elements, rows, channels or bundles.
    package var elements: Int
    /// Number of the segment with scale planes; absent where there are none.
    package var planes: Int?
    /// Number of the segment that says in which order the records lie; absent where that is the order of
    /// their numbers.
    package var order: Int?

    package init(
        name: String, layout: StoredTensor.Layout, elements: Int, planes: Int?, order: Int? = nil
    ) {
        self.name = name
        self.elements = elements
        self.planes = planes
        self.order = order
        switch layout {
        case .vector(let count):
            (self.layout, dimensions) = ("vector", [count])
        case .rows(let form, let rows, let columns):
            (self.layout, dimensions, self.form) = ("rows", [rows, columns], FormEntry(form))
        case .channels(let form, let outputs, let channels):
            (self.layout, dimensions, self.form) = ("channels", [outputs, channels], FormEntry(form))
        case .bundle(let up, let down, let inputs, let channels, let outputs):
            (self.layout, dimensions) = ("bundle", [inputs, channels, outputs])
            (form, downForm) = (FormEntry(up), FormEntry(down))
        case .rough(let rows, let columns):
            (self.layout, dimensions) = ("rough", [rows, columns])
        }
    }

    /// The layout, with every dimension in range; `nil` when the entry makes no sense.
    var checkedLayout: StoredTensor.Layout? {
        guard dimensions.allSatisfy({ (1...StoreFormat.greatestDimension).contains($0) }) else { return nil }
        let (form, down) = (form?.checked, downForm?.checked)
        switch (layout, dimensions.count, form, down) {
        case ("vector", 1, nil, nil):
            return .vector(count: dimensions[0])
        case ("rows", 2, let form?, nil):
            return .rows(form: form, rows: dimensions[0], columns: dimensions[1])
        case ("channels", 2, let form?, nil):
            return .channels(form: form, outputs: dimensions[0], channels: dimensions[1])
        case ("bundle", 3, let up?, let down?):
            return .bundle(
                up: up, down: down, inputs: dimensions[0], channels: dimensions[1], outputs: dimensions[2])
        case ("rough", 2, nil, nil):
            return .rough(rows: dimensions[0], columns: dimensions[1])
        default:
            return nil
        }
    }
}

/// A `WeightForm` in the metadata.
package struct FormEntry: Sendable, Equatable, Codable {
    /// `4`, `5`, `6`, `8`, `f16`, `bf16` or `f32`.
    package var code: String
    package var group: Int?
    package var levels: Int?
    package var min: Bool?
    package var offset: Int?

    package init(_ form: WeightForm) {
        code = Self.name(form.code)
        guard !form.code.isFloat else { return }
        (group, levels, min, offset) = (form.group, form.levels, form.hasMin, form.offset)
    }

    /// The form, if it is one of those that exist.
    var checked: WeightForm? { WeightForm.stored.first { FormEntry($0) == self } }

    private static func name(_ code: WeightForm.Code) -> String {
        switch code {
        case .f16: "f16"
        case .bf16: "bf16"
        case .f32: "f32"
        case .bits4, .bits5, .bits6, .int8: String(code.rawValue)
        }
    }
}
