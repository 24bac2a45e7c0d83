/// A node of an expression.
struct Expression: Sendable {
    let form: Form
    let line: Int
    /// Nodes on the longest way down, this one included; the parser bounds it.
    let depth: Int

    indirect enum Form: Sendable {
        case constant(Constant)
        case variable(String)
        case list([Expression])
        case tuple([Expression])
        case dictionary([Pair])
        case not(Expression)
        case negate(Expression)
        case plus(Expression)
        case and(Expression, Expression)
        case or(Expression, Expression)
        case binary(BinaryOperator, Expression, Expression)
        case concatenation([Expression])
        case comparison(Expression, [Comparison])
        case conditional(condition: Expression, then: Expression, otherwise: Expression?)
        case attribute(Expression, String)
        case element(Expression, at: Expression)
        case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
        case call(Expression, CallArguments)
        case filter(Expression, FilterCall)
        case test(Expression, TestCall)
    }

    enum Constant: Sendable {
        case none
        case bool(Bool)
        case int(Int)
        case double(Double)
        case string(String)
    }

    struct Pair: Sendable {
        var key: Expression
        var value: Expression
    }

    /// One link of a chain such as `a < b <= c`.
    struct Comparison: Sendable {
        var relation: Relation
        var right: Expression
    }

    enum Relation: String, Sendable {
        case equal = "==", notEqual = "!=", less = "<", lessEqual = "<=", greater = ">", greaterEqual = ">="
        case isIn = "in", isNotIn = "not in"
    }

    enum BinaryOperator: String, Sendable {
        case add = "+", subtract = "-", multiply = "*", divide = "/", floorDivide = "//", modulo = "%"
        case power = "**"
    }
}

/// The arguments of a call as they are written.
struct CallArguments: Sendable {
    var positional: [Expression] = []
    var named: [Named] = []

    struct Named: Sendable {
        var name: String
        var value: Expression
    }

    var depth: Int { max(positional.map(\.depth).max() ?? 0, named.map(\.value.depth).max() ?? 0) }
}

/// `| name(arguments)`.
struct FilterCall: Sendable {
    var filter: Filter
    var arguments: CallArguments
    var line: Int
}

/// `is name(arguments)`; `is not` is a `not` around it.
struct TestCall: Sendable {
    var test: ValueTest
    var arguments: CallArguments
}
