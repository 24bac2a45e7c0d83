/// Methods of lists and dictionaries.
extension Interpreter {
    func call(
        _ method: Method.ListMethod, of cell: ListCell, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let name = method.rawValue
        switch method {
        case .append:
            let values = try arguments.bind("object", required: 1, of: name, self)
            try charge(1)
            cell.items.append(values[0] ?? .none)
        case .extend:
            let values = try arguments.bind("iterable", required: 1, of: name, self)
            let more = try elements(of: values[0] ?? .none)
            try charge(more.count)
            cell.items += more
        case .insert:
            let values = try arguments.bind("index", "object", required: 2, of: name, self)
            let place = try integer(values[0], "insert: index", otherwise: 0)
            let index = min(max(place < 0 ? place + cell.items.count : place, 0), cell.items.count)
            try charge(cell.items.count - index + 1)
            cell.items.insert(values[1] ?? .none, at: index)
        case .pop:
            let values = try arguments.bind("index", of: name, self)
            let place = try integer(values[0], "pop: index", otherwise: -1)
            guard let index = Self.index(place, count: cell.items.count) else {
                throw fail("pop: index \(place) is outside of a list of \(cell.items.count)")
            }
            try charge(cell.items.count - index)
            return cell.items.remove(at: index)
        case .clear: cell.items = []
        case .copy: return try list(cell.items)
        case .reverse:
            try charge(cell.items.count)
            cell.items.reverse()
        case .count, .index, .remove: return try find(method, in: cell, arguments)
        }
        return .none
    }

    private func find(
        _ method: Method.ListMethod, in cell: ListCell, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let wanted = try arguments.bind("value", required: 1, of: method.rawValue, self)[0] ?? .none
        var count = 0
        for (index, item) in cell.items.enumerated() where try areEqual(item, wanted) {
            count += 1
            switch method {
            case .index: return .int(index)
            case .remove:
                cell.items.remove(at: index)
                return .none
            default: break
            }
        }
        guard method == .count else {
            throw fail("\(method.rawValue): \(try representation(wanted)) is not in the list")
        }
        return .int(count)
    }

    func call(
        _ method: Method.DictionaryMethod, of cell: DictionaryCell, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let name = method.rawValue
        switch method {
        case .get:
            let values = try arguments.bind("key", "default", required: 1, of: name, self)
            return cell.value(at: try key(values[0] ?? .none)) ?? values[1] ?? .none
        case .items: return try list(try pairs(cell.entries), .view)
        case .keys: return try list(cell.entries.map(\.key), .view)
        case .values: return try list(cell.entries.map(\.value), .view)
        case .copy: return try dictionary(cell.entries)
        case .clear:
            cell.empty()
            return .none
        case .pop:
            let values = try arguments.bind("key", "default", required: 1, of: name, self)
            try charge(cell.entries.count)
            guard let value = cell.remove(try key(values[0] ?? .none)) ?? values[1] else {
                throw fail("pop: no key \(try representation(values[0] ?? .none))")
            }
            return value
        case .setdefault:
            let values = try arguments.bind("key", "default", required: 1, of: name, self)
            let place = try key(values[0] ?? .none)
            if let value = cell.value(at: place) { return value }
            try charge(1)
            cell.set(values[0] ?? .none, to: values[1] ?? .none)
            return values[1] ?? .none
        case .update: return try update(cell, arguments)
        }
    }

    private func update(_ cell: DictionaryCell, _ arguments: Arguments) throws(TemplateError) -> Value {
        guard case .dictionary(let more) = try call(.dict, arguments) else { return .none }
        try charge(more.entries.count)
        for (key, value) in more.entries { cell.set(key, to: value) }
        return .none
    }

    private func key(_ value: Value) throws(TemplateError) -> DictionaryKey {
        guard let key = DictionaryKey(value) else {
            throw undefinedError(value) ?? fail("a \(value.typeName) cannot be a key of a dictionary")
        }
        return key
    }
}
