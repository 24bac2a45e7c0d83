import FoundationEssentials
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

    /// Texts are fields of their own, the number of the message has its own name, the rest gets a prefix.
    @Test func recordsBecomeFields() {
        var event = LogEvent(
            level: .warning, message: "refused", metadata: ["message_id": "ab", "prompt": "a\nb"], source: "",
            file: "", function: "", line: 0)
        event.metadata?["peer_uid"] = "7"
        let fields = JournalLogHandler.fields(event, inherited: ["path": "/x"], label: "chessd")
        #expect(
            fields.prefix(3) == [
                "MESSAGE=refused path=/x peer_uid=7", "PRIORITY=4", "SYSLOG_IDENTIFIER=chessd",
            ])
        #expect(
            fields.dropFirst(3).sorted() == [
                "CHESSD_PATH=/x", "CHESSD_PEER_UID=7", "CHESSD_PROMPT=a\nb", "MESSAGE_ID=ab",
            ])
    }

    @Test func linesStayLines() {
        #expect(LogLine.text("m", ["answer": "a\nb\n", "message_id": "x"], [:]) == "m answer=a\\nb\\n")
    }

    /// The level is the shared one until a copy of the logger sets its own.
    @Test func sharedLevelReachesCopies() {
        let level = LogLevel(.info)
        let logger = Logger(label: "x") { StderrLogHandler(label: $0, level: level) }
        var own = logger
        own.logLevel = .error
        level.value = .debug
        #expect(logger.logLevel == .debug && own.logLevel == .error)
    }

    /// Each event has its entry in the catalogue, and each entry its event.
    @Test func catalogueIsComplete() throws {
        let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
        let text = try String(contentsOf: URL(filePath: root + "/systemd/chessd.catalog"), encoding: .utf8)
        let ids = text.split(separator: "\n").filter { $0.hasPrefix("-- ") }.map { String($0.dropFirst(3)) }
        #expect(ids.sorted() == JournalEvent.allCases.map(\.rawValue).sorted())
    }
}
