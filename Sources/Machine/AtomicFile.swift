internal import CHost
internal import Glibc

/// A file that appears under its name only when it is complete.
///
/// Bytes go to a temporary file beside the target; `commit` flushes it to the device, renames it over the
/// target and flushes the folder. Dying before that, or dropping the value, leaves the target as it was
/// and removes the temporary file (a killed process leaves `NAME.partial-PID`, which the next run replaces).
package struct AtomicFile: ~Copyable {
    package let path: String
    private let temporary: String
    private let descriptor: Int32
    private var isCommitted = false
    /// Bytes written so far with `append`.
    package private(set) var byteCount = 0

    package init(path: String, mode: UInt32 = 0o644) throws(FileError) {
        self.path = path
        temporary = "\(path).partial-\(getpid())"
        descriptor = unsafe ch_open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw FileError(path: temporary, action: "create", errno: -descriptor)
        }
    }

    /// Finds out whether a file can be made at `path`, before work whose result would be lost: makes the temporary
    /// file and removes it.
    package static func checkTarget(_ path: String) throws(FileError) {
        do { _ = try AtomicFile(path: path) } catch {
            throw FileError(path: path, action: error.action, errno: error.errno)
        }
    }

    deinit {
        close(descriptor)
        if !isCommitted { unsafe unlink(temporary) }
    }

    /// Writes `bytes` after what is there.
    package mutating func append(_ bytes: RawSpan) throws(FileError) {
        try unsafe bytes.withUnsafeBytes { (buffer) throws(FileError) in
            try unsafe write(buffer, at: byteCount)
        }
        byteCount += bytes.byteCount
    }

    package mutating func append(_ bytes: [UInt8]) throws(FileError) {
        try unsafe bytes.span.withUnsafeBytes { (buffer) throws(FileError) in
            try unsafe write(buffer, at: byteCount)
        }
        byteCount += bytes.count
    }

    /// Writes zeros until the length is a multiple of `alignment`.
    package mutating func pad(to alignment: Int) throws(FileError) {
        let excess = byteCount % alignment
        if excess != 0 { try append([UInt8](repeating: 0, count: alignment - excess)) }
    }

    /// Writes over bytes that are already there, such as a header that is known last.
    package func overwrite(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        precondition(
            offset >= 0 && offset + bytes.count <= byteCount, "\(offset)+\(bytes.count) of \(byteCount)")
        try unsafe bytes.span.withUnsafeBytes { (buffer) throws(FileError) in
            try unsafe write(buffer, at: offset)
        }
    }

    /// Makes the file durable and gives it its name.
    package consuming func commit() throws(FileError) {
        guard fsync(descriptor) == 0 else { throw FileError(path: temporary, action: "flush", errno: errno) }
        guard unsafe rename(temporary, path) == 0 else {
            throw FileError(path: path, action: "replace", errno: errno)
        }
        isCommitted = true
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let handle = unsafe ch_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard handle >= 0 else { return }
        // Some file systems refuse to flush a folder; the rename itself has happened.
        _ = fsync(handle)
        close(handle)
    }

    private func write(_ buffer: UnsafeRawBufferPointer, at start: Int) throws(FileError) {
        guard let base = buffer.baseAddress else { return }
        var done = 0
        while done < buffer.count {
            let written = unsafe pwrite(descriptor, base + done, buffer.count - done, off_t(start + done))
            if written < 0 {
                if errno == EINTR { continue }
                throw FileError(path: temporary, action: "write", errno: errno)
            }
            done += written
        }
    }
}
