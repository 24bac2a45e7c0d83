internal import FoundationEssentials
package import Logging
internal import SystemPackage

/// Writes log records to standard error, one line each, for people.
package struct StderrLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level {
        get { ownLevel ?? level.value }
        set { ownLevel = newValue }
    }
    private let label: String
    private let level: LogLevel
    private var ownLevel: Logger.Level?

    /// - Parameter level: what decides until a copy sets its own.
    package init(label: String, level: LogLevel) {
        self.label = label
        self.level = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) { Self.write(event, inherited: metadata, label: label) }

    /// One line with time, program, level, message and metadata.
    static func write(_ event: LogEvent, inherited: Logger.Metadata, label: String) {
        let time = Date().formatted(.iso8601)
        let text = LogLine.text(event.message, event.metadata, inherited)
        let line = "\(time) \(label) \(event.level): \(text)\n"
        // Nobody is left to tell when standard error itself is gone.
        _ = try? FileDescriptor.standardError.writeAll(line.utf8)
    }
}

/// A record as one line of text.
enum LogLine {
    /// The message, then the metadata as `key=value` in the order of their keys; line breaks are written as `\\n`.
    ///
    /// - Parameter omitted: keys to leave out, besides the journal's own.
    static func text(
        _ message: Logger.Message, _ own: Logger.Metadata?, _ inherited: Logger.Metadata,
        without omitted: Set<String> = []
    ) -> String {
        let metadata = inherited.merging(own ?? [:], uniquingKeysWith: { $1 })
        let pairs = metadata.sorted { $0.key < $1.key }
            .filter { $0.key != JournalEvent.key && !omitted.contains($0.key) }
            .map { "\($0.key)=\($0.value)".split(separator: "\n", omittingEmptySubsequences: false) }
            .map { $0.joined(separator: "\\n") }
        return ([message.description] + pairs).joined(separator: " ")
    }
}
