package import Generation
internal import Synchronization

/// What requests are served with.
package struct Serving: Sendable {
    package var generator: any TextGenerator
    package var limits: ServerLimits
    /// Whether the log holds prompts and answers.
    package var logsTexts: Bool

    package init(generator: any TextGenerator, limits: ServerLimits, logsTexts: Bool = false) {
        self.generator = generator
        self.limits = limits
        self.logsTexts = logsTexts
    }
}

/// What the next request is served with. A reload exchanges it; requests that run keep what they began with.
package final class Switchboard: Sendable {
    private struct State {
        var serving: Serving
        var trouble: String?
    }

    private let state: Mutex<State>

    package init(_ serving: Serving) { state = Mutex(State(serving: serving)) }

    package var current: Serving { state.withLock { $0.serving } }

    /// Serves with something else from the next request on.
    package func exchange(_ serving: Serving) {
        state.withLock { $0 = State(serving: serving) }
    }

    /// Keeps what is there, and says why in the status line until the next exchange.
    package func keep(because trouble: String) {
        state.withLock { $0.trouble = trouble }
    }

    /// One line for the service manager.
    package var statusLine: String {
        let (serving, trouble) = state.withLock { ($0.serving, $0.trouble) }
        let line = StatusReport(serving.generator).line
        return trouble.map { "\(line); reload failed, settings unchanged: \($0)" } ?? line
    }
}
