package import Server

/// Why the daemon's settings cannot be used.
package enum SettingsError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case syntax(path: String, line: Int, problem: String)
    case unknownKey(place: String, key: String, suggestion: String?)
    case missing(key: String)
    case notANumber(place: String, key: String, found: String)
    case outOfRange(place: String, key: String, found: Int, lowest: Int, highest: Int)
    case unknownWord(place: String, key: String, found: String, known: [String])
    case address(place: String, key: String, problem: ListenAddressError)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "\(path): cannot be read: \(reason); check the path given with --config"
        case .syntax(let path, let line, let problem):
            "\(path):\(line): \(problem)"
        case .unknownKey(let place, let key, let suggestion):
            "\(place): no setting is called \(key)"
                + (suggestion.map { "; did you mean \($0)?" } ?? "; chessd --help lists them")
        case .missing(let key):
            "\(key): not set; give --\(key), CHESSD_\(key.uppercased()) or \(key): in the settings file"
        case .notANumber(let place, let key, let found):
            "\(place): \(key) is \"\(found)\", expected a whole number"
        case .outOfRange(let place, let key, let found, let lowest, let highest):
            "\(place): \(key) is \(found), expected \(lowest) to \(highest)"
        case .unknownWord(let place, let key, let found, let known):
            "\(place): \(key) is \"\(found)\", expected one of \(known.joined(separator: ", "))"
        case .address(let place, let key, let problem):
            "\(place): \(key) \(problem)"
        }
    }
}
