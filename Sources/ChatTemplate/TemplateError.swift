/// Why a chat template cannot be read or rendered.
package enum TemplateError: Error, Equatable, CustomStringConvertible {
    /// The text of the template is not Jinja.
    case syntax(message: String, line: Int)
    /// Jinja that this interpreter does not know.
    case unsupported(construct: String, line: Int)
    /// An operation that cannot be done with the values it met.
    case runtime(message: String, line: Int)
    /// The template called `raise_exception`: the conversation is not one it accepts.
    case raised(message: String)
    /// More of something than `RenderLimits` or `SourceLimits` allow.
    case limit(what: String, limit: Int, line: Int)

    package var description: String {
        switch self {
        case .syntax(let message, let line): "template line \(line): \(message)"
        case .unsupported(let construct, let line):
            "template line \(line): \(construct) is not supported; use a template without it"
        case .runtime(let message, let line): "template line \(line): \(message)"
        case .raised(let message): "the template refuses this conversation: \(message)"
        case .limit(let what, let limit, let line):
            "template line \(line): more than \(limit) \(what); shorten the template or the conversation"
        }
    }
}
