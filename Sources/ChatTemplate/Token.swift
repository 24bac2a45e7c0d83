/// A piece of a template's source.
struct Token: Sendable, Equatable {
    var kind: Kind
    /// Counted from 1.
    var line: Int

    enum Kind: Sendable, Equatable {
        case text(String)
        case blockBegin, blockEnd, variableBegin, variableEnd
        case name(String)
        case string(String)
        case int(Int)
        case double(Double)
        case symbol(Symbol)
        case end
    }

    /// Operators and brackets.
    enum Symbol: String, Sendable {
        case floorDivide = "//", power = "**", equal = "==", notEqual = "!=", greaterEqual = ">=", lessEqual =
            "<="
        case add = "+", subtract = "-", divide = "/", multiply = "*", modulo = "%", tilde = "~"
        case leftBracket = "[", rightBracket = "]", leftParen = "(", rightParen = ")"
        case leftBrace = "{", rightBrace = "}", greater = ">", less = "<", assign = "="
        case dot = ".", colon = ":", pipe = "|", comma = ",", semicolon = ";"

        /// The bracket that ends what this one begins.
        var closing: Symbol? {
            switch self {
            case .leftBracket: .rightBracket
            case .leftParen: .rightParen
            case .leftBrace: .rightBrace
            default: nil
            }
        }
    }
}

extension Token.Kind: CustomStringConvertible {
    var description: String {
        switch self {
        case .text: "text"
        case .blockBegin: "\"{%\""
        case .blockEnd: "\"%}\""
        case .variableBegin: "\"{{\""
        case .variableEnd: "\"}}\""
        case .name(let name): "\"\(name)\""
        case .string: "a string"
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .symbol(let symbol): "\"\(symbol.rawValue)\""
        case .end: "the end of the template"
        }
    }
}
