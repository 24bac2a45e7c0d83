internal import FoundationEssentials

/// Questions about paths.
enum FileNames {
    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
}
