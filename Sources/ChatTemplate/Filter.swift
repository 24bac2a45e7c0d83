/// A filter as a template names it.
enum Filter: Sendable, Equatable {
    case known(Name)
    case unknown(String)

    init(name: String) {
        switch name {
        case "d": self = .known(.default)
        case "count": self = .known(.length)
        case "e", "forceescape": self = .known(.escape)
        default: self = Name(rawValue: name).map(Filter.known) ?? .unknown(name)
        }
    }

    enum Name: String, Sendable {
        // Text.
        case capitalize, center, escape, indent, lower, replace, safe, string, title, tojson, trim, truncate,
            upper
        case wordcount, format
        // Numbers.
        case abs, float, int, round
        // Lists and dictionaries.
        case batch, dictsort, first, groupby, items, join, last, length, list, max, min, reverse, slice, sort,
            sum
        case unique
        // Elements by a test, a filter or an attribute.
        case map, reject, rejectattr, select, selectattr
        // Any value.
        case attr, `default`
    }
}

extension Interpreter {
    func apply(_ call: FilterCall, to input: Value) throws(TemplateError) -> Value {
        let arguments = try evaluate(call.arguments).plain
        line = call.line
        return try apply(call.filter, to: input.plain, arguments)
    }

    func apply(_ filter: Filter, to input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        switch filter {
        case .unknown(let name): throw .unsupported(construct: "the filter \"\(name)\"", line: line)
        case .known(let name):
            switch name {
            case .capitalize, .center, .escape, .indent, .lower, .replace, .safe, .string, .title, .tojson,
                .trim,
                .truncate, .upper, .wordcount, .format:
                return try textFilter(name, input, arguments)
            case .abs, .float, .int, .round: return try numberFilter(name, input, arguments)
            case .batch, .dictsort, .first, .groupby, .items, .join, .last, .length, .list, .reverse, .slice:
                return try listFilter(name, input, arguments)
            case .max, .min, .sort, .sum, .unique: return try orderFilter(name, input, arguments)
            case .map: return try map(input, arguments)
            case .reject, .rejectattr, .select, .selectattr: return try select(name, input, arguments)
            case .attr:
                let values = try arguments.bind("name", required: 1, of: "attr", self)
                return try attribute(try string(values[0] ?? .none), of: input)
            case .default: return try defaultFilter(input, arguments)
            }
        }
    }

    private func defaultFilter(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("default_value", "boolean", of: "default", self)
        let isReplaced = input.isUndefined || (values[1]?.isTrue == true && !input.isTrue)
        return isReplaced ? values[0] ?? .string("") : input
    }

    /// The value of an argument that must be a whole number.
    func integer(_ value: Value?, _ what: String, otherwise: Int) throws(TemplateError) -> Int {
        guard let value else { return otherwise }
        guard let number = value.asInt else {
            throw fail("\(what) is \(value.typeName), an integer is needed")
        }
        return number
    }

    // MARK: Filters of elements

    private func map(_ input: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        var results: [Value] = []
        if arguments.positional.isEmpty {
            let values = try arguments.bind("attribute", "default", of: "map", self)
            guard let path = values[0] else { throw fail("map needs the name of a filter or \"attribute\"") }
            for item in try input.isTrue ? elements(of: input) : [] {
                results.append(try attribute(path: path, of: item, otherwise: values[1]))
            }
            return try list(results, .generator)
        }
        var rest = arguments
        let filter = Filter(name: try string(rest.positional.removeFirst()))
        for item in try input.isTrue ? elements(of: input) : [] {
            try charge(1)
            try enter()
            defer { leave() }
            results.append(try apply(filter, to: item.plain, rest))
        }
        return try list(results, .generator)
    }

    private func select(
        _ filter: Filter.Name, _ input: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        var rest = arguments
        var path: Value?
        if filter == .selectattr || filter == .rejectattr {
            guard !rest.positional.isEmpty else {
                throw fail("\(filter.rawValue) needs the name of an attribute")
            }
            path = rest.positional.removeFirst()
        }
        let test = rest.positional.isEmpty ? nil : ValueTest(name: try string(rest.positional.removeFirst()))
        let wanted = filter == .select || filter == .selectattr
        var results: [Value] = []
        // Nothing at all is as good as an empty list here, as in jinja2.
        for item in try input.isTrue ? elements(of: input) : [] {
            try charge(1)
            var subject = item
            if let path { subject = try attribute(path: path, of: item, otherwise: nil) }
            let holds =
                try test.map { (test) throws(TemplateError) in try self.holds(test, subject, rest) }
                ?? subject.isTrue
            if holds == wanted { results.append(item) }
        }
        return try list(results, .generator)
    }

    /// An attribute, or several separated by dots; whole numbers are places.
    func attribute(path: Value, of item: Value, otherwise: Value?) throws(TemplateError) -> Value {
        if path.asInt != nil { return try element(path, of: item) }
        var value = item
        for part in Text.split(try string(path), by: ".", limit: -1) {
            let isPlace = !part.isEmpty && part.unicodeScalars.allSatisfy(Text.isDigit)
            value = try element(
                isPlace ? Int(part).map(Value.int) ?? .string(part) : .string(part), of: value)
            if value.isUndefined, let otherwise { value = otherwise }
        }
        return value
    }
}
