import Dispatch
import Glibc
import NIOCore

/// A program in a process of its own, which ends with this value.
///
/// Not Foundation's `Process`: that waits for all its children in turn, so one that cannot end holds up the news
/// of the others.
final class ChildProcess: Sendable {
    let pid: Int32
    private let ends: AsyncStream<Int32>

    /// - Parameters:
    ///   - arguments: the program's path, then its arguments.
    ///   - input, output, errors: what becomes its descriptors 0, 1 and 2; no others are passed on.
    init(
        _ arguments: [String], environment: [String: String] = [:], input: Int32, output: Int32 = 1,
        errors: Int32 = 2
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in [input, output, errors].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        // NIO's sockets do not close on exec: a client's end in the daemon would keep its connection open.
        for descriptor in 3..<Int32(256) { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let words = arguments.map { strdup($0) }
        let variables = environment.map { strdup("\($0.key)=\($0.value)") }
        defer { for text in words + variables { free(text) } }
        var pid: Int32 = 0
        let status = posix_spawn(&pid, arguments[0], &actions, &attributes, words + [nil], variables + [nil])
        guard status == 0 else { throw IOError(errnoCode: status, reason: "posix_spawn \(arguments[0])") }
        let child = pid
        self.pid = child
        let (ends, ended) = AsyncStream<Int32>.makeStream()
        self.ends = ends
        DispatchQueue(label: "wait for \(child)").async {
            var status: Int32 = 0
            while waitpid(child, &status, 0) == -1, errno == EINTR {}
            let signal = status & 0x7F
            ended.yield(signal == 0 ? (status >> 8) & 0xFF : 128 + signal)
            ended.finish()
        }
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// The exit code, or 128 and the number of the signal, once the program has ended.
    func end() async -> Int32? {
        for await code in ends { return code }
        return nil
    }

    deinit { kill(pid, SIGKILL) }
}
