internal import FoundationEssentials

/// Questions about paths.
enum FileNames {
    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// `path` without folders.
    static func last(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
