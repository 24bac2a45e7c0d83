import Logging
import Testing

@testable import Server

@Suite struct LoggingTests {
    @Test func lineHoldsMessageAndSortedMetadata() {
        let text = LogLine.text("ready", ["b": "2", "a": "own"], ["a": "inherited", "c": "3"])
        #expect(text == "ready a=own b=2 c=3")
    }

    @Test(arguments: [
        ("prompt_tokens", "PROMPT_TOKENS"), ("sl-signal", "SL_SIGNAL"), ("é", "_"), ("a.b c", "A_B_C"),
    ])
    func journalFieldsUseItsAlphabet(key: String, field: String) {
        #expect(JournalLogHandler.fieldName(key) == field)
    }

    /// The numbers of syslog(3): error is 3, warning 4, notice 5, info 6, debug 7.
    @Test func levelsAreSyslogs() {
        #expect(Logger.Level.allCases.map(JournalLogHandler.priority) == [7, 7, 6, 5, 4, 3, 2])
    }
}
