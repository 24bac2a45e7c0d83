import Foundation
import Glibc
import Testing

/// The program's signs of life, as its watchdog passes them on.
@Suite(.timeLimit(.minutes(2))) struct HangTests {
    /// Microseconds.
    private let period = 400_000

    private func start(_ manager: ServiceManager) async throws -> ChildProcess {
        let daemon = try manager.start(extra: ["WATCHDOG_USEC": "\(period)"])
        #expect(await manager.hear("READY", "1") != nil)
        return daemon
    }

    /// A debugger holds one thread while all others run: the messages stop, and come again when it lets go.
    @Test(arguments: [false, true])
    func hungEngineThreadEndsTheSignsOfLife(isBusy: Bool) async throws {
        try await ServiceManager.running { manager in
            let daemon = try await start(manager)
            let client = Task {
                guard isBusy else { return }
                let body = #"{"prompt": [3], "max_tokens": 16000, "ignore_eos": true, "stream": true}"#
                _ = try await ask(manager.socket, "POST", "/v1/completions", body: Array(body.utf8))
            }
            defer { client.cancel() }
            for _ in 0..<3 { #expect(await manager.hear("WATCHDOG", "1") != nil) }
            guard let debugger = try await Debugger(holding: "chess-engine", of: daemon.pid) else { return }
            let held = ContinuousClock.now
            let signs = Task {
                var times: [Duration] = []
                for await message in manager.messages where message["WATCHDOG"] != nil {
                    times.append(ContinuousClock.now - held)
                }
                return times
            }
            try await Task.sleep(for: .microseconds(5 * period))
            signs.cancel()
            // Those from before come at once. One may have been on its way, and one step may have been done since the last look.
            let later = await signs.value.filter { $0 > .microseconds(period / 4) }
            #expect(later.count <= 2)
            #expect(later.allSatisfy { $0 < .microseconds(2 * period) })
            #expect(manager.text(of: manager.log).contains("critical: the engine hangs"))
            debugger.letGo()
            while !manager.text(of: manager.log).contains("the engine moves again") {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}

/// Holds one thread of a process by ptrace, through Python: Swift cannot call the variadic function.
private struct Debugger {
    private let process: ChildProcess

    /// `nil` where the machine does not let one process trace another.
    init?(holding name: String, of pid: Int32) async throws {
        let tasks = "/proc/\(pid)/task"
        let found = try FileManager.default.contentsOfDirectory(atPath: tasks).first { thread in
            (try? String(contentsOfFile: "\(tasks)/\(thread)/comm", encoding: .utf8)) == name + "\n"
        }
        let thread = try #require(found)
        // PTRACE_SEIZE and PTRACE_INTERRUPT, which stop no other thread.
        let script = """
            import ctypes, signal
            libc = ctypes.CDLL(None)
            held = libc.ptrace(0x4206, \(thread), None, None) == 0 and libc.ptrace(0x4207, \(thread), None, None) == 0
            print("held" if held else "refused", flush=True)
            signal.pause()
            """
        var pipe: [Int32] = [0, 0]
        Glibc.pipe(&pipe)
        for end in pipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(pipe[0]) }
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        process = try ChildProcess(["/usr/bin/python3", "-c", script], input: null, output: pipe[1])
        close(pipe[1])
        close(null)
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = read(pipe[0], &bytes, bytes.count)
        guard String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "held\n" else { return nil }
    }

    /// The thread runs on when its tracer ends.
    func letGo() { process.signal(SIGKILL) }
}
