/// The values a call brings.
struct Arguments {
    var positional: [Value] = []
    var named: [(name: String, value: Value)] = []

    var plain: Arguments {
        Arguments(positional: positional.map(\.plain), named: named.map { ($0.name, $0.value.plain) })
    }

    /// The values in the order of `names`, `nil` where none was given.
    ///
    /// - Parameter required: how many of the first names must have a value.
    func bind(
        _ names: String..., required: Int = 0, of callee: String, _ interpreter: Interpreter
    ) throws(TemplateError) -> [Value?] {
        guard positional.count <= names.count else {
            throw interpreter.fail("\(callee) takes \(names.count) arguments, \(positional.count) are given")
        }
        var values: [Value?] = positional + Array(repeating: nil, count: names.count - positional.count)
        for (name, value) in named {
            guard let place = names.firstIndex(of: name) else {
                throw interpreter.fail("\(callee) has no parameter \"\(name)\"")
            }
            guard values[place] == nil else {
                throw interpreter.fail("\(callee) got two values for \"\(name)\"")
            }
            values[place] = value
        }
        for place in 0..<required where values[place] == nil {
            throw interpreter.fail("\(callee) needs a value for \"\(names[place])\"")
        }
        return values
    }
}
