internal import CHost
internal import Glibc

/// What the kernel tells about this process and the machine.
package enum ProcessFacts {
    /// Bytes of a page of memory.
    package static var pageBytes: Int { Int(getpagesize()) }
    /// Most resident memory so far, in bytes; 0 when the kernel does not tell.
    package static var peakResidentBytes: Int { status("VmHWM:") }

    /// Lets the peak begin anew with what is resident now; an old kernel, or one without the file, keeps the old one.
    package static func forgetPeak() {
        let file = unsafe open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = unsafe write(file, "5", 1)
        close(file)
    }

    /// Resident memory that belongs to no file, in bytes; 0 when the kernel does not tell.
    package static var anonymousResidentBytes: Int { status("RssAnon:") }
    /// Resident memory now, in bytes; 0 when the kernel does not tell.
    package static var residentBytes: Int { status("VmRSS:") }

    /// Bytes this process could still take without anyone being swapped out or killed: the machine's
    /// `MemAvailable`, or what its control groups have left when that is less; 0 when the kernel does not tell.
    package static var availableBytes: Int {
        let machine = bytes(of: "MemAvailable:", in: "/proc/meminfo")
        return min(machine, ControlGroup.memoryLeft ?? machine)
    }

    /// Processor time of all threads so far.
    package static var processorNanoseconds: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Bytes that were fetched from storage for this process, page faults included; 0 when the kernel does not tell.
    package static var storageBytesRead: Int {
        for line in lines(of: "/proc/self/io") where line.hasPrefix("read_bytes: ") {
            return Int(line.dropFirst(12)) ?? 0
        }
        return 0
    }

    /// Gives memory that was freed back to the machine, after work that needed much for a moment.
    package static func returnFreedMemory() { ch_return_freed_memory() }

    /// Nanoseconds of a clock that never goes back.
    package static var monotonicNanoseconds: UInt64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    /// Seconds since 1970 as a clock on the wall here shows them: UTC plus the local offset.
    package static var localSeconds: Int {
        var now = time(nil)
        var parts = unsafe tm()
        unsafe localtime_r(&now, &parts)
        return unsafe now + parts.tm_gmtoff
    }

    private static func status(_ key: String) -> Int { bytes(of: key, in: "/proc/self/status") }

    /// The value of a line such as `MemAvailable:  123 kB`.
    private static func bytes(of key: String, in path: String) -> Int {
        for line in lines(of: path) where line.hasPrefix(key) {
            let digits = line.dropFirst(key.count).filter { $0.isNumber }
            return (Int(digits) ?? 0) * 1024
        }
        return 0
    }

    static func firstLine(of path: String) -> String? { lines(of: path).first }

    /// The lines of a small kernel file, at most 16 KiB of it; empty when it cannot be read.
    static func lines(of path: String) -> [String] {
        let descriptor = unsafe ch_open(path, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16384)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return [] }
        return String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
