/// Filters that compare elements.
extension Interpreter {
    func orderFilter(
        _ filter: Filter.Name, _ input: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch filter {
        case .max, .min: return try extreme(filter, input, arguments)
        case .sum: return try sum(input, arguments)
        case .unique: return try unique(input, arguments)
        default: return try sorted(input, arguments)
        }
    }

    private func extreme(
        _ filter: Filter.Name, _ input: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let values = try arguments.bind("case_sensitive", "attribute", of: filter.rawValue, self)
        var best: (key: Value, item: Value)?
        for item in try elements(of: input) {
            let key = try sortKey(item, path: values[1], isExact: values[0]?.isTrue ?? false)
            guard let current = best else {
                best = (key, item)
                continue
            }
            let isBetter = try filter == .max ? isLess(current.key, key, ">") : isLess(key, current.key, "<")
            if isBetter { best = (key, item) }
        }
        return best?.item ?? .undefined(.emptySequence("aggregated"))
    }

    private func sum(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("attribute", "start", of: "sum", self)
        var total = values[1] ?? .int(0)
        for item in try elements(of: input) {
            let path = values[0].flatMap { $0.isTrue ? $0 : nil }
            let part =
                try path.map { (path) throws(TemplateError) in
                    try attribute(path: path, of: item, otherwise: nil)
                } ?? item
            total = try binary(.add, total, part)
        }
        return total
    }

    private func unique(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("case_sensitive", "attribute", of: "unique", self)
        var seen: Set<DictionaryKey> = []
        var kept: [Value] = []
        for item in try elements(of: input) {
            let key = try sortKey(item, path: values[1], isExact: values[0]?.isTrue ?? false)
            guard let hashed = DictionaryKey(key) else {
                throw fail("unique: a \(key.typeName) cannot be compared so")
            }
            if seen.insert(hashed).inserted { kept.append(item) }
        }
        return try list(kept, .generator)
    }

    private func sorted(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("reverse", "case_sensitive", "attribute", of: "sort", self)
        let isExact = values[1]?.isTrue ?? false
        var keyed: [(key: Value, item: Value)] = []
        for item in try elements(of: input) {
            keyed.append((try sortKeys(item, paths: values[2], isExact: isExact), item))
        }
        return try list(try sorted(keyed, isReversed: values[0]?.isTrue ?? false))
    }

    func sortedItems(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("case_sensitive", "by", "reverse", of: "dictsort", self)
        if let error = undefinedError(input) { throw error }
        guard case .dictionary(let cell) = input else {
            throw fail("dictsort: \(input.typeName) is not a mapping")
        }
        let by = try optionalText(values[1]) ?? "key"
        guard by == "key" || by == "value" else {
            throw fail("dictsort: \"\(by)\" is neither \"key\" nor \"value\"")
        }
        var keyed: [(key: Value, item: Value)] = []
        for (entry, pair) in zip(cell.entries, try pairs(cell.entries)) {
            let subject = by == "key" ? entry.key : entry.value
            keyed.append((try sortKey(subject, path: nil, isExact: values[0]?.isTrue ?? false), pair))
        }
        return try list(try sorted(keyed, isReversed: values[2]?.isTrue ?? false))
    }

    func groups(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind(
            "attribute", "default", "case_sensitive", required: 1, of: "groupby", self)
        var keyed: [(key: Value, item: Value)] = []
        for item in try elements(of: input) {
            let key = try attribute(path: values[0] ?? .none, of: item, otherwise: values[1])
            keyed.append((try sortKey(key, path: nil, isExact: values[2]?.isTrue ?? false), item))
        }
        var groups: [(key: Value, name: Value, items: [Value])] = []
        for item in try sorted(keyed, isReversed: false) {
            let name = try attribute(path: values[0] ?? .none, of: item, otherwise: values[1])
            let key = try sortKey(name, path: nil, isExact: values[2]?.isTrue ?? false)
            if let last = groups.last, try areEqual(last.key, key) {
                groups[groups.count - 1].items.append(item)
            } else {
                groups.append((key, name, [item]))
            }
        }
        var pairs: [Value] = []
        for group in groups { pairs.append(try list([group.name, try list(group.items)], .tuple)) }
        return try list(pairs)
    }

    // MARK: Keys

    /// What is compared: the attribute if one is named, in lower case unless the case counts.
    private func sortKey(_ item: Value, path: Value?, isExact: Bool) throws(TemplateError) -> Value {
        var key = item
        if let path, path.isTrue || path.asInt != nil {
            key = try attribute(path: path, of: item, otherwise: nil)
        }
        if !isExact, case .string(let text) = key { return .string(text.lowercased()) }
        return key
    }

    /// Attributes separated by commas are compared one after another.
    private func sortKeys(_ item: Value, paths: Value?, isExact: Bool) throws(TemplateError) -> Value {
        guard case .string(let names)? = paths, Text.contains(",", in: names) else {
            return try sortKey(item, path: paths, isExact: isExact)
        }
        var keys: [Value] = []
        for name in Text.split(names, by: ",", limit: -1) {
            keys.append(try sortKey(item, path: .string(name), isExact: isExact))
        }
        return try list(keys)
    }

    /// A stable merge sort, because comparing may throw.
    private func sorted(
        _ keyed: [(key: Value, item: Value)], isReversed: Bool
    ) throws(TemplateError) -> [Value] {
        var order = Array(keyed.indices)
        var width = 1
        while width < order.count {
            var merged: [Int] = []
            merged.reserveCapacity(order.count)
            for start in stride(from: 0, to: order.count, by: 2 * width) {
                let middle = min(start + width, order.count)
                let end = min(start + 2 * width, order.count)
                var (left, right) = (start, middle)
                while left < middle, right < end {
                    let (first, second) = (keyed[order[left]].key, keyed[order[right]].key)
                    let takesRight = try isReversed ? isLess(first, second, "<") : isLess(second, first, "<")
                    merged.append(order[takesRight ? right : left])
                    if takesRight { right += 1 } else { left += 1 }
                }
                merged += order[left..<middle] + order[right..<end]
            }
            order = merged
            width *= 2
        }
        return order.map { keyed[$0].item }
    }
}
