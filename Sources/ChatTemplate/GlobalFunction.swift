/// The functions that every template can call.
enum GlobalFunction: String, CaseIterable, Sendable {
    case cycler, dict, joiner, namespace, range
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
}

extension Interpreter {
    func call(_ function: GlobalFunction, _ arguments: Arguments) throws(TemplateError) -> Value {
        switch function {
        case .raiseException:
            let values = try arguments.bind("message", required: 1, of: "raise_exception", self)
            throw .raised(message: try string(values[0] ?? .none))
        case .strftimeNow:
            let values = try arguments.bind("format", required: 1, of: "strftime_now", self)
            return try text(CalendarTime(secondsSinceEpoch: now ?? 0).text(try optionalText(values[0]) ?? ""))
        case .range: return try range(arguments)
        case .dict: return try dictionary(try pairs(of: arguments, callee: "dict"))
        case .namespace:
            var members: [String: Value] = [:]
            for (key, value) in try pairs(of: arguments, callee: "namespace") {
                members[try string(key)] = value
            }
            try charge(members.count)
            return .namespace(keep(NamespaceCell(members)))
        case .joiner:
            let values = try arguments.bind("sep", of: "joiner", self)
            return .callable(.joiner(keep(CounterCell([values[0] ?? .string(", ")]))))
        case .cycler:
            guard !arguments.positional.isEmpty, arguments.named.isEmpty else {
                throw fail("cycler needs at least one value, all without names")
            }
            return .cycler(keep(CounterCell(arguments.positional)))
        }
    }

    private func range(_ arguments: Arguments) throws(TemplateError) -> Value {
        var bounds: [Int] = []
        for value in arguments.positional {
            if let error = undefinedError(value) { throw error }
            bounds.append(try integer(value, "range: a bound", otherwise: 0))
        }
        guard (1...3).contains(bounds.count), arguments.named.isEmpty else {
            throw fail("range takes 1 to 3 arguments, \(bounds.count) are given")
        }
        let (start, stop) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
        let step = bounds.count == 3 ? bounds[2] : 1
        guard step != 0 else { throw fail("range: the step is 0") }
        let (distance, overflow) = stop.subtractingReportingOverflow(start)
        guard !overflow, distance != .min, step != .min, distance / step <= limits.rangeLength else {
            throw .limit(what: "elements of a range", limit: limits.rangeLength, line: line)
        }
        try charge(max(0, distance / step))
        return try list(stride(from: start, to: stop, by: step).map(Value.int))
    }

    /// What `dict` and `namespace` are made of: a mapping or a list of pairs, and named values.
    private func pairs(
        of arguments: Arguments, callee: String
    ) throws(TemplateError) -> [(key: Value, value: Value)] {
        guard arguments.positional.count <= 1 else {
            throw fail("\(callee) takes 1 argument without a name, \(arguments.positional.count) are given")
        }
        var pairs: [(key: Value, value: Value)] = []
        if let first = arguments.positional.first {
            if let error = undefinedError(first) { throw error }
            if case .dictionary(let cell) = first {
                pairs = cell.entries
            } else {
                for item in try elements(of: first) {
                    let pair = try elements(of: item)
                    guard pair.count == 2 else {
                        throw fail("\(callee): an element has \(pair.count) parts, not 2")
                    }
                    pairs.append((pair[0], pair[1]))
                }
            }
        }
        return pairs + arguments.named.map { (key: .string($0.name), value: $0.value) }
    }
}
