/// Attributes, elements and slices.
extension Interpreter {
    /// `owner.name`: a method or member first, then the element with that key, as jinja2 looks them up.
    func attribute(_ name: String, of owner: Value) throws(TemplateError) -> Value {
        let owner = owner.plain
        if let error = undefinedError(owner) { throw error }
        if let value = member(name, of: owner) { return value }
        if case .dictionary(let cell) = owner, let value = cell.value(at: name) { return value }
        return .undefined(.attribute(owner: owner.ownerName, name: name))
    }

    /// `owner[place]`: the element first, then the attribute of that name.
    func element(_ place: Value, of owner: Value) throws(TemplateError) -> Value {
        let (place, owner) = (place.plain, owner.plain)
        if let error = undefinedError(owner) { throw error }
        switch owner {
        case .dictionary(let cell):
            if let value = DictionaryKey(place).flatMap({ cell.value(at: $0) }) { return value }
        case .list(let cell) where cell.kind == .list || cell.kind == .tuple:
            if let index = place.asInt.flatMap({ Self.index($0, count: cell.items.count) }) {
                return cell.items[index]
            }
        case .string(let text):
            if let index = place.asInt {
                let scalars = text.unicodeScalars
                try charge(text.utf8.count / 64)
                if let index = Self.index(index, count: scalars.count) {
                    return .string(String(scalars[scalars.index(scalars.startIndex, offsetBy: index)]))
                }
            }
        default: break
        }
        if case .string(let name) = place {
            return member(name, of: owner) ?? .undefined(.attribute(owner: owner.ownerName, name: name))
        }
        return .undefined(.element(owner: owner.ownerName, index: try representation(place)))
    }

    /// Negative places count from the end.
    static func index(_ place: Int, count: Int) -> Int? {
        let index = place < 0 ? place + count : place
        return (0..<count).contains(index) ? index : nil
    }

    /// What Python's `getattr` finds.
    private func member(_ name: String, of owner: Value) -> Value? {
        switch owner {
        case .namespace(let cell): cell.members[name]
        case .loop(let cell):
            member(name, of: cell) ?? Method(name, of: owner).map { .callable(.method(of: owner, $0)) }
        case .cycler(let cell) where name == "current" && !cell.items.isEmpty: cell.items[cell.index]
        default: Method(name, of: owner).map { .callable(.method(of: owner, $0)) }
        }
    }

    private func member(_ name: String, of loop: LoopCell) -> Value? {
        switch name {
        case "index": .int(loop.index + 1)
        case "index0": .int(loop.index)
        case "revindex": .int(loop.items.count - loop.index)
        case "revindex0": .int(loop.items.count - loop.index - 1)
        case "first": .bool(loop.index == 0)
        case "last": .bool(loop.index == loop.items.count - 1)
        case "length": .int(loop.items.count)
        case "depth": .int(loop.depth + 1)
        case "depth0": .int(loop.depth)
        case "previtem": loop.index > 0 ? loop.items[loop.index - 1] : .undefined(.emptySequence("previous"))
        case "nextitem":
            loop.index + 1 < loop.items.count
                ? loop.items[loop.index + 1] : .undefined(.emptySequence("next"))
        default: nil
        }
    }

    // MARK: Slices

    func slice(
        _ owner: Expression, _ start: Expression?, _ stop: Expression?, _ step: Expression?
    ) throws(TemplateError) -> Value {
        let owner = try evaluate(owner).plain
        if let error = undefinedError(owner) { throw error }
        let (start, stop) = (try bound(start), try bound(stop))
        let step = try bound(step) ?? 1
        guard step != 0 else { throw fail("the step of a slice is 0") }
        switch owner {
        case .string(let text):
            try charge(text.utf8.count / 8)
            let scalars = Array(text.unicodeScalars)
            let picked = Self.places(start, stop, step, count: scalars.count).map { scalars[$0] }
            return try self.text(Text.string(picked[...]))
        case .list(let cell) where cell.kind == .list || cell.kind == .tuple:
            let places = Self.places(start, stop, step, count: cell.items.count)
            return try list(places.map { cell.items[$0] }, cell.kind)
        default: throw fail("a \(owner.typeName) cannot be sliced")
        }
    }

    private func bound(_ expression: Expression?) throws(TemplateError) -> Int? {
        guard let expression else { return nil }
        let value = try evaluate(expression)
        if case .none = value { return nil }
        guard let place = value.asInt else {
            throw undefinedError(value) ?? fail("a slice needs integers, not \(value.typeName)")
        }
        return place
    }

    /// The places that Python's `slice(start, stop, step)` picks.
    private static func places(_ start: Int?, _ stop: Int?, _ step: Int, count: Int) -> [Int] {
        let (low, high) = step > 0 ? (0, count) : (-1, count - 1)
        func clamp(_ place: Int?, otherwise: Int) -> Int {
            guard let place else { return otherwise }
            return min(max(place < 0 ? place + count : place, low), high)
        }
        let first = clamp(start, otherwise: step > 0 ? low : high)
        let end = clamp(stop, otherwise: step > 0 ? high : low)
        // A step beyond the length picks one place; bounding it keeps `stride` from overflowing.
        return Array(stride(from: first, to: end, by: max(-count - 1, min(step, count + 1))))
    }
}
