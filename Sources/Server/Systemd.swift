internal import CSystemd
internal import FoundationEssentials
internal import Glibc
package import Logging
internal import Machine

/// Speaks systemd's notification protocol; does nothing when `$NOTIFY_SOCKET` is not set.
///
/// UNSAFE FENCE: each call lends the library a string that lives until it returns; it keeps none of them.
/// A negative result means the manager did not hear, which is no reason to stop serving.
package struct SystemdNotifier: ServiceNotifier {
    package init() {}

    package func ready(_ status: String) { send("READY=1\nSTATUS=\(oneLine(status))") }
    package func status(_ status: String) { send("STATUS=\(oneLine(status))") }
    /// With the time of the monotonic clock, by which later versions of systemd tell this reload from others.
    package func reloading() {
        send("RELOADING=1\nMONOTONIC_USEC=\(ProcessFacts.monotonicNanoseconds / 1000)\nSTATUS=reloading")
    }
    package func extendTimeout(_ time: Duration) { send("EXTEND_TIMEOUT_USEC=\(time.microseconds)") }
    /// `$WATCHDOG_USEC`, when it is meant for this process.
    package var watchdogPeriod: Duration? {
        var microseconds: UInt64 = 0
        guard unsafe sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds))
    }
    package func alive() { send("WATCHDOG=1") }
    package func stopping() { send("STOPPING=1\nSTATUS=stopping") }

    private func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private func send(_ state: String) { unsafe _ = sd_notify(0, state) }
}

/// The listening socket that the service manager opened and handed over at the start.
///
/// Its file belongs to the manager, and so does the queue of connections that nobody has accepted yet: both
/// outlive this process.
package struct InheritedSocket: Sendable, Equatable {
    package let descriptor: Int32

    /// What was handed over; `nil` when this process was not started for a socket.
    ///
    package static func find() throws(SocketError) -> InheritedSocket? {
        let count = sd_listen_fds(0)
        guard count > 0 else { return nil }
        guard count == 1 else { throw .tooManyInherited(count: Int(count)) }
        let descriptor = firstDescriptor
        let isFit = sd_is_socket_unix(descriptor, Int32(SOCK_STREAM.rawValue), 1, nil, 0) > 0
        guard isFit else { throw .unfitInherited(descriptor: descriptor) }
        return InheritedSocket(descriptor: descriptor)
    }

    /// Where its file is; `nil` when it has none.
    ///
    /// UNSAFE FENCE: `getsockname` writes no more than the length it is lent, and the record is larger than
    /// any path, so the bytes behind the path are zero.
    package var path: String? {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length)
            }
        }
        guard status == 0 else { return nil }
        let bytes = unsafe withUnsafeBytes(of: &address.sun_path) { unsafe Array($0) }
        let path = bytes.prefix { $0 != 0 }
        return path.isEmpty ? nil : String(decoding: path, as: UTF8.self)
    }

    /// `SD_LISTEN_FDS_START`, a macro that Swift does not see.
    private static let firstDescriptor: Int32 = 3
}

/// Sends log records with their fields to the journal.
package struct JournalLogHandler: LogHandler {
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

    /// Standard error is the journal: systemd names its device and inode in `$JOURNAL_STREAM`.
    package static var isAvailable: Bool {
        guard let stream = ProcessInfo.processInfo.environment["JOURNAL_STREAM"] else { return false }
        // UNSAFE FENCE: `fstat` fills the record it is lent.
        var record = stat()
        guard unsafe fstat(2, &record) == 0 else { return false }
        return stream == "\(record.st_dev):\(record.st_ino)"
    }

    package func log(event: LogEvent) {
        let fields = Self.fields(event, inherited: metadata, label: label)
        if !Self.send(fields) { StderrLogHandler.write(event, inherited: metadata, label: label) }
    }

    /// The record as the journal takes it, `NAME=value` each.
    static func fields(_ event: LogEvent, inherited: Logger.Metadata, label: String) -> [String] {
        // Texts of any length are fields of their own, not part of the line.
        let line = LogLine.text(event.message, event.metadata, inherited, without: ["prompt", "answer"])
        var fields = ["MESSAGE=\(line)", "PRIORITY=\(priority(event.level))", "SYSLOG_IDENTIFIER=\(label)"]
        for (key, value) in inherited.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }) {
            let name = key == JournalEvent.key ? "MESSAGE_ID" : "CHESSD_\(fieldName(key))"
            fields.append("\(name)=\(value)")
        }
        return fields
    }

    /// Whether the journal took the record.
    ///
    /// UNSAFE FENCE: the vectors point into `storage`, which outlives the call; the journal copies.
    private static func send(_ fields: [String]) -> Bool {
        var storage: [UInt8] = []
        var ranges: [Range<Int>] = []
        for field in fields {
            ranges.append(storage.count..<storage.count + field.utf8.count)
            storage += field.utf8
        }
        return unsafe storage.withUnsafeMutableBytes { bytes in
            let vectors = unsafe ranges.map { range in
                unsafe iovec(
                    iov_base: bytes.baseAddress.map { unsafe $0 + range.lowerBound }, iov_len: range.count)
            }
            return unsafe sd_journal_sendv(vectors, Int32(vectors.count)) >= 0
        }
    }

    /// The field's name in the journal's alphabet: capitals, digits, underscores.
    static func fieldName(_ key: String) -> String {
        String(
            key.uppercased().prefix(50).map { character in
                character.isASCII && (character.isLetter || character.isNumber) ? character : "_"
            })
    }

    /// syslog's number of the level.
    static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
