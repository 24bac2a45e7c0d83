/// Filters of lists and dictionaries.
extension Interpreter {
    func listFilter(
        _ filter: Filter.Name, _ input: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch filter {
        case .join: return try joined(input, arguments)
        case .batch: return try batches(input, arguments)
        case .slice: return try slices(input, arguments)
        case .dictsort: return try sortedItems(input, arguments)
        case .groupby: return try groups(input, arguments)
        default: break
        }
        _ = try arguments.bind(of: filter.rawValue, self)
        switch filter {
        case .length:
            if case .string(let text) = input { try charge(text.utf8.count / 16) }
            guard let length = length(of: input) else { throw fail("a \(input.typeName) has no length") }
            return .int(length)
        case .list: return try list(try elements(of: input))
        case .items: return try items(of: input)
        case .first: return try elements(of: input).first ?? .undefined(.emptySequence("first"))
        case .last:
            if case .list(let cell) = input, cell.kind == .generator {
                throw fail("a generator has no last item")
            }
            return try elements(of: input).last ?? .undefined(.emptySequence("last"))
        default:
            if case .string(let text) = input {
                return try self.text(Text.string(text.unicodeScalars.reversed()[...]))
            }
            return try list(try elements(of: input).reversed(), .generator)
        }
    }

    private func items(of input: Value) throws(TemplateError) -> Value {
        switch input {
        case .undefined: return try list([], .generator)
        case .dictionary(let cell): return try list(try pairs(cell.entries), .generator)
        default: throw fail("items: \(input.typeName) is not a mapping")
        }
    }

    /// Tuples of key and value.
    func pairs(_ entries: [(key: Value, value: Value)]) throws(TemplateError) -> [Value] {
        var pairs: [Value] = []
        pairs.reserveCapacity(entries.count)
        for (key, value) in entries { pairs.append(try list([key, value], .tuple)) }
        return pairs
    }

    private func joined(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("d", "attribute", of: "join", self)
        let separator = try values[0].map { (value) throws(TemplateError) in try string(value) } ?? ""
        var result = ""
        for (index, item) in try elements(of: input).enumerated() {
            var item = item
            if let path = values[1], path.isTrue {
                item = try attribute(path: path, of: item, otherwise: nil)
            }
            let piece = try string(item)
            try chargeText(piece.utf8.count + separator.utf8.count)
            if index > 0 { result += separator }
            result += piece
            try checkSize(result)
        }
        return .string(result)
    }

    func checkSize(_ text: String) throws(TemplateError) {
        guard text.utf8.count <= limits.outputBytes else {
            throw .limit(what: "bytes of text", limit: limits.outputBytes, line: line)
        }
    }

    private func batches(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("linecount", "fill_with", required: 1, of: "batch", self)
        let size = try integer(values[0], "batch: linecount", otherwise: 1)
        guard size > 0 else { throw fail("batch: linecount is \(size), at least 1 is needed") }
        let items = try elements(of: input)
        var batches: [Value] = []
        var start = 0
        while start < items.count {
            let end = start + min(size, items.count - start)
            var batch = Array(items[start..<end])
            if let fill = values[1], !isNone(fill), batch.count < size {
                try charge(size - batch.count)
                batch += Array(repeating: fill, count: size - batch.count)
            }
            batches.append(try list(batch))
            start = end
        }
        return try list(batches, .generator)
    }

    private func isNone(_ value: Value) -> Bool {
        if case .none = value { true } else { false }
    }

    private func slices(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("slices", "fill_with", required: 1, of: "slice", self)
        let count = try integer(values[0], "slice: slices", otherwise: 1)
        guard count > 0 else { throw fail("slice: slices is \(count), at least 1 is needed") }
        try charge(count)
        let items = try elements(of: input)
        let (size, longer) = items.count.quotientAndRemainder(dividingBy: count)
        var slices: [Value] = []
        var start = 0
        for index in 0..<count {
            let end = start + size + (index < longer ? 1 : 0)
            let isFilled = index >= longer && longer > 0
            let fill = values[1].flatMap { isFilled && !isNone($0) ? [$0] : nil } ?? []
            slices.append(try list(Array(items[start..<end]) + fill))
            start = end
        }
        return try list(slices, .generator)
    }
}
