/// A node of a template's body.
struct Statement: Sendable {
    let form: Form
    let line: Int

    indirect enum Form: Sendable {
        case text(String)
        case output(Expression)
        case branches([Branch], otherwise: [Statement])
        case loop(Loop)
        case assign(Target, Expression)
        /// `{% set name | filter %}…{% endset %}`
        case assignBlock(Target, [FilterCall], [Statement])
        case macro(MacroDefinition)
        /// `{% call(parameters) macro(arguments) %}…{% endcall %}`; the definition is the macro named `caller`.
        case callBlock(MacroDefinition, Expression)
        case filterBlock([FilterCall], [Statement])
        case with([(target: Target, value: Expression)], [Statement])
        /// `{% generation %}…{% endgeneration %}`: marks the assistant's text for training, says nothing here.
        case generation([Statement])
        case leaveLoop
        case nextIteration
    }

    struct Branch: Sendable {
        var condition: Expression
        var body: [Statement]
    }

    struct Loop: Sendable {
        var target: Target
        var items: Expression
        var filter: Expression?
        var body: [Statement]
        var otherwise: [Statement]
    }

    /// What an assignment writes to.
    indirect enum Target: Sendable {
        case name(String)
        case attribute(of: String, String)
        case tuple([Target])
    }
}

/// A macro as it is written.
struct MacroDefinition: Sendable {
    var name: String
    var parameters: [Parameter]
    var body: [Statement]
    /// Special names that the body reads; only then a call may bring what they collect.
    var usesVarargs: Bool
    var usesKwargs: Bool
    var usesCaller: Bool

    struct Parameter: Sendable {
        var name: String
        var defaultValue: Expression?
    }
}
