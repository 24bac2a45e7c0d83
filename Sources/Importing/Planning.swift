internal import GGUF
internal import Tensors
internal import WeightStore

extension ImportPlan {
    /// Finds the source of every tensor the model needs, and a reason to ignore every other.
    ///
    /// - Parameter headBounds: whether to add rough rows of the head, where that is worthwhile.
    /// - Throws: for a tensor that is missing, of another shape, of an unsupported type, or without a place.
    init(_ source: SourceModel, vocabularySize: Int, headBounds: Bool) throws(ImportError) {
        let architecture = try source.architecture()
        model = try source.parameters(architecture)
        guard vocabularySize == model.vocabulary else {
            throw .unusableParameters(
                path: source.path,
                reason: "the tokenizer has \(vocabularySize) tokens, the embedding \(model.vocabulary) rows")
        }
        var unused: [String: GGUFTensor] = [:]
        for tensor in source.gguf.tensors { unused[tensor.name] = tensor }
        var tensors: [PlannedTensor] = []
        for (name, shape, isRequired) in TensorCatalogue.shapes(of: model) {
            let names = Self.sourceNames(of: name)
            if !isRequired, names.contains(where: { unused[$0] == nil }) { continue }
            var matrices: [SourceMatrix] = []
            for (sourceName, dimensions) in zip(names, Self.dimensions(of: shape)) {
                guard let tensor = unused.removeValue(forKey: sourceName) else {
                    throw .missingTensor(path: source.path, tensor: sourceName)
                }
                matrices.append(try Self.matrix(tensor, dimensions, in: source))
            }
            tensors.append(PlannedTensor(name: name, source: Self.planned(shape, matrices)))
        }
        for name in unused.keys.sorted() where !architecture.harmlessTensors.contains(where: name.hasSuffix) {
            throw .unexpectedTensor(path: source.path, tensor: name, architecture: architecture.name)
        }
        let bounds = headBounds ? Self.headBounds(tensors) : []
        if !bounds.isEmpty, let head = tensors.firstIndex(where: { $0.name == "output" }) {
            tensors[head].isFetched = true
        }
        tensors += bounds
        self.tensors = tensors
        ignored = unused.keys.sorted()
    }

    /// The tensors of the source that make up one of the store.
    private static func sourceNames(of name: String) -> [String] {
        if name.hasSuffix(".bias") { return [name] }
        if name.hasSuffix(".ffn") { return ["\(name)_up.weight", "\(name)_down.weight"] }
        return ["\(name).weight"]
    }

    /// Their dimensions, innermost first as GGUF writes them.
    private static func dimensions(of shape: TensorCatalogue.Shape) -> [[Int]] {
        switch shape {
        case .vector(let count): [[count]]
        case .rows(let rows, let columns), .rough(let rows, let columns): [[columns, rows]]
        case .channels(let outputs, let channels): [[channels, outputs]]
        case .bundle(let inputs, let channels, let outputs): [[inputs, channels], [channels, outputs]]
        }
    }

    private static func matrix(
        _ tensor: GGUFTensor, _ expected: [Int], in source: SourceModel
    ) throws(ImportError) -> SourceMatrix {
        // Trailing dimensions of 1 say nothing.
        var found = tensor.dimensions
        while found.count > expected.count, found.last == 1 { found.removeLast() }
        guard found == expected else {
            throw .wrongShape(path: source.path, tensor: tensor.name, found: found, expected: expected)
        }
        let allowed = expected.count == 1 ? [ElementType.f32, .f16, .bf16] : ElementType.allCases
        guard allowed.contains(tensor.type) else {
            throw .unsupportedType(
                path: source.path, tensor: tensor.name, type: tensor.type.name, supported: allowed.map(\.name)
            )
        }
        return SourceMatrix(
            file: source.file, name: tensor.name, format: tensor.type,
            rows: expected.count == 1 ? 1 : expected[1],
            columns: expected[0], range: tensor.fileRange)
    }

    private static func planned(
        _ shape: TensorCatalogue.Shape, _ matrices: [SourceMatrix]
    ) -> PlannedTensor.Source {
        switch shape {
        case .vector: .vector(matrices[0])
        case .rows, .rough: .rows(matrices[0])
        case .channels: .channels(matrices[0])
        case .bundle: .bundle(up: matrices[0], down: matrices[1])
        }
    }

    /// The rough rows of the head of `tensors`, and their factors; nothing where they would not be much shorter.
    private static func headBounds(_ tensors: [PlannedTensor]) -> [PlannedTensor] {
        func tensor(_ name: String) -> PlannedTensor? { tensors.first { $0.name == name } }
        guard let head = tensor("output") ?? tensor("token_embd"), case .rows(let matrix) = head.source,
            case .vector(let gain)? = tensor("output_norm")?.source,
            RoughRows(columns: matrix.columns).isWorthwhile(rowBytes: head.layout.recordBytes)
        else { return [] }
        var reader = RowReader(gain)
        let columns = RoughColumns(
            head: matrix, gain: reader.read(gain.bytes(rows: 0..<1).span, row: 0))
        return [
            PlannedTensor(name: HeadBoundsName.rows, source: .rough(matrix, columns)),
            PlannedTensor(name: HeadBoundsName.factors, source: .factors(columns)),
        ]
    }
}
