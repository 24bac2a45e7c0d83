internal import NIOCore
internal import NIOHTTPTypes
internal import Synchronization

/// The open connections, with what to do when one of them closes.
///
/// A channel's close is the earliest sign that a client went away, also while nothing is being written.
/// The end of its *input* is not: a client may close its sending side and still wait for the answer. On TCP,
/// where a client that is gone looks just like that until something is written to it, it has to be.
final class ConnectionTable: Sendable {
    private struct Entry {
        let channel: any Channel
        var onClose: (@Sendable () -> Void)?
    }

    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    func insert(_ channel: any Channel) {
        entries.withLock { $0[ObjectIdentifier(channel)] = Entry(channel: channel, onClose: nil) }
    }

    /// Forgets the channel and runs its action.
    func remove(_ channel: any Channel) {
        let entry = entries.withLock { $0.removeValue(forKey: ObjectIdentifier(channel)) }
        entry?.onClose?()
    }

    /// Runs `action` once when the channel closes, at once if it has already closed.
    func onClose(of channel: any Channel, _ action: @escaping @Sendable () -> Void) {
        let isOpen = entries.withLock { entries in
            guard entries[ObjectIdentifier(channel)] != nil else { return false }
            entries[ObjectIdentifier(channel)]?.onClose = action
            return true
        }
        if !isOpen { action() }
    }

    func clearAction(of channel: any Channel) {
        entries.withLock { $0[ObjectIdentifier(channel)]?.onClose = nil }
    }

    func closeAll() {
        let channels = entries.withLock { $0.values.map(\.channel) }
        for channel in channels { channel.close(promise: nil) }
    }
}

/// Enters its channel into the table for as long as it is open.
final class ConnectionWatch: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = HTTPRequestPart

    private let table: ConnectionTable
    private let closesWithInput: Bool

    /// - Parameter closesWithInput: takes the end of the client's input for the end of the client.
    init(table: ConnectionTable, closesWithInput: Bool) {
        self.table = table
        self.closesWithInput = closesWithInput
    }

    func handlerAdded(context: ChannelHandlerContext) { table.insert(context.channel) }

    func handlerRemoved(context: ChannelHandlerContext) { table.remove(context.channel) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if closesWithInput, case .inputClosed? = event as? ChannelEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        table.remove(context.channel)
        context.fireChannelInactive()
    }
}
