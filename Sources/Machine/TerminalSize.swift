internal import Glibc

/// How much a terminal shows.
package struct TerminalSize: Sendable, Equatable {
    package var columns: Int
    package var rows: Int

    package init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }

    /// The size now of the terminal that is open as `descriptor`; `nil` when it is none, or does not tell.
    package init?(ofDescriptor descriptor: Int32) {
        // UNSAFE FENCE: the kernel fills one `winsize`, which lives until the call is over.
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return nil
        }
        self.init(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }
}
