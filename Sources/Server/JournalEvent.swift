package import Logging

/// What the journal's readers may search for and look up in the catalogue (`systemd/chessd.catalog`): its
/// `MESSAGE_ID`, which never changes.
package enum JournalEvent: String, Sendable, CaseIterable {
    case modelLoaded = "4e958ff925e445e5881e4e53a4ba1d5d"
    case ready = "7eb6b41bf2ae48389454fdc23b651ae1"
    case stopping = "5dce4cd8868640a9a4e78572497f767c"
    case idle = "75f88b38e459472b9498af3a434d9880"
    case reloaded = "9bd6eddec5824d44935ce4e925cd2e8f"
    case reloadFailed = "5702279410c548078f632549635abc00"
    case engineHangs = "c778d345be704e8b8452db0daf0c8621"
    case cacheShrinks = "c8609a98d8474e84af79c79915ef2395"
    case cacheGrows = "2aaef6d433c04f5fbaa64fce54a23c6f"
    case answered = "1d11e3e673274d09ba3d2c8cbfdbf5c1"
    case clientLeft = "82124f81bd334121935f9fcae26b3cf2"
    case refused = "6453315e69b844f0abaf30d11f928bcc"
    case failed = "1fae7b76d2524c1daea29f21086e3a63"

    /// The name under which records carry it.
    static let key = "message_id"
}

extension Logger {
    /// Writes a record that can be searched for as `event`.
    package func log(
        _ event: JournalEvent, _ level: Logger.Level, _ message: Logger.Message,
        _ metadata: Logger.Metadata = [:]
    ) {
        var metadata = metadata
        metadata[JournalEvent.key] = "\(event.rawValue)"
        log(level: level, message, metadata: metadata)
    }
}
