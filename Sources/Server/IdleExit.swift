internal import NIOCore

/// Closes the listening channel once no client has been connected for a while.
///
/// A handler of that channel: connections are counted as they are accepted, on the loop that decides, so none can
/// slip in between the decision and the close. Who comes later waits in the queue of the socket, which the
/// service manager holds too and for which it starts the daemon again.
final class IdleExit: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let limit: @Sendable () -> Duration?
    private let isBusy: @Sendable () -> Bool
    private let onExit: @Sendable () -> Void
    private var connections = 0
    private var idleSince = NIODeadline.now()
    private var timer: Scheduled<Void>?

    /// - Parameters:
    ///   - limit: how long to wait, asked each time; `nil` waits for ever.
    ///   - isBusy: whether anything is still computed or queued though its client has left.
    ///   - onExit: called just before the channel is closed.
    init(
        limit: @escaping @Sendable () -> Duration?, isBusy: @escaping @Sendable () -> Bool,
        onExit: @escaping @Sendable () -> Void
    ) {
        self.limit = limit
        self.isBusy = isBusy
        self.onExit = onExit
    }

    func handlerAdded(context: ChannelHandlerContext) { wait(context) }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connections += 1
        timer?.cancel()
        timer = nil
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        unwrapInboundIn(data).closeFuture.hop(to: context.eventLoop).whenComplete { _ in
            let (handler, context) = bound.value
            handler.connections -= 1
            guard handler.connections == 0 else { return }
            handler.idleSince = .now()
            handler.wait(context)
        }
        context.fireChannelRead(data)
    }

    /// Looks again when the limit may be reached, or in a while whether there is one by then.
    private func wait(_ context: ChannelHandlerContext) {
        let rest = limit().map { idleSince + TimeAmount($0) - .now() } ?? Self.pause
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: max(.milliseconds(1), min(rest, Self.pause))) {
            let (handler, context) = bound.value
            handler.look(context)
        }
    }

    private func look(_ context: ChannelHandlerContext) {
        timer = nil
        guard connections == 0, context.channel.isActive else { return }
        guard let limit = limit(), .now() - idleSince >= TimeAmount(limit) else { return wait(context) }
        guard !isBusy() else {
            idleSince = .now()
            return wait(context)
        }
        onExit()
        context.close(promise: nil)
    }

    /// A reload may shorten the limit, so the timer never sleeps longer.
    private static let pause = TimeAmount.minutes(1)
}
