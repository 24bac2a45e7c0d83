/// What a test needs to know of a document: its tags and their attributes.
struct Markup {
    struct Tag {
        var name: String
        var attributes: [String: String]
    }

    /// Opened or empty, in order.
    private(set) var tags: [Tag] = []
    /// The first fault, `nil` when every tag is closed in turn and every attribute quoted.
    private(set) var fault: String?

    init(_ document: String) {
        var open: [String] = []
        var rest = Substring(document)
        while fault == nil, let start = rest.firstIndex(of: "<") {
            guard let end = rest[start...].firstIndex(of: ">") else {
                fault = "a tag without end"
                return
            }
            let body = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if body.hasPrefix("!") { continue }
            if body.hasPrefix("/") {
                let expected = open.popLast()
                if expected != String(body.dropFirst()) {
                    fault = "</\(body.dropFirst())> in \(expected ?? "nothing")"
                }
                continue
            }
            let isEmpty = body.hasSuffix("/")
            guard let tag = Self.tag(isEmpty ? body.dropLast() : body) else {
                fault = "<\(body)>"
                return
            }
            tags.append(tag)
            if !isEmpty { open.append(tag.name) }
        }
        if fault == nil, let left = open.last { fault = "<\(left)> stays open" }
    }

    private static func tag(_ body: Substring) -> Tag? {
        let name = body.prefix { $0.isLetter || $0.isNumber }
        guard !name.isEmpty else { return nil }
        var tag = Tag(name: String(name), attributes: [:])
        var rest = body[name.endIndex...].drop { $0 == " " }
        while !rest.isEmpty {
            let key = rest.prefix { $0.isLetter || $0.isNumber || $0 == "-" }
            rest = rest[key.endIndex...]
            guard !key.isEmpty, rest.hasPrefix("=\""), let end = rest.dropFirst(2).firstIndex(of: "\"") else {
                return nil
            }
            tag.attributes[String(key)] = String(rest.dropFirst(2)[..<end])
            rest = rest[rest.index(after: end)...].drop { $0 == " " }
        }
        return tag
    }

    /// Where the charts draw, across and down: the absolute coordinates of their shapes and texts.
    var places: (across: [Double], down: [Double]) {
        var (across, down): ([Double], [Double]) = ([], [])
        for tag in tags {
            for key in ["x", "cx"] { across += tag.attributes[key].map { [Double($0) ?? .nan] } ?? [] }
            for key in ["y", "cy"] { down += tag.attributes[key].map { [Double($0) ?? .nan] } ?? [] }
            for (command, numbers) in Self.commands(tag.attributes["d"] ?? "") {
                switch command {
                case "M", "L":
                    across.append(numbers.first ?? .nan)
                    down.append(numbers.count == 2 ? numbers[1] : .nan)
                case "H": across.append(numbers.first ?? .nan)
                case "V": down.append(numbers.first ?? .nan)
                default: break
                }
            }
        }
        return (across, down)
    }

    private static func commands(_ path: String) -> [(Character, [Double])] {
        var commands: [(Character, String)] = []
        for character in path {
            if character.isLetter {
                commands.append((character, ""))
            } else if !commands.isEmpty {
                commands[commands.count - 1].1.append(character)
            }
        }
        return commands.map { ($0, $1.split(separator: " ").map { Double($0) ?? .nan }) }
    }
}
