internal import Synchronization

internal import func Glibc.umask

/// The process's file mode mask while sockets are being bound.
///
/// With it the kernel creates the socket with mode 0660, so there is no moment in which a stranger could
/// connect, as there would be with a change of mode after the bind. The mask belongs to the whole process,
/// so those who hold it at the same time are counted here.
enum SocketMask {
    /// No execution for anybody, nothing for others.
    private static let narrow: UInt32 = 0o117
    private static let holders = Mutex<(count: Int, previous: UInt32)>((0, 0))

    /// The narrow mask, from here to the first `release()`.
    final class Hold: Sendable {
        private let isHeld = Mutex(true)

        init() {
            SocketMask.holders.withLock { holders in
                if holders.count == 0 { holders.previous = umask(SocketMask.narrow) }
                holders.count += 1
            }
        }

        func release() {
            let wasHeld = isHeld.withLock { held in
                defer { held = false }
                return held
            }
            guard wasHeld else { return }
            SocketMask.holders.withLock { holders in
                holders.count -= 1
                if holders.count == 0 { _ = umask(holders.previous) }
            }
        }
    }
}
