internal import CHost
internal import Glibc

/// Threads of our own, outside the cooperative pool.
enum Threads {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts a detached thread with room for deep C frames.
    ///
    /// UNSAFE FENCE: the retained `Start` is released exactly once, by the new thread. Signals are blocked
    /// there, so that they reach the threads that wait for them.
    static func start(name: String, body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        unsafe pthread_attr_setstacksize(&attributes, 1 << 20)
        defer { unsafe pthread_attr_destroy(&attributes) }
        let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
        var thread = pthread_t()
        let status = unsafe pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                var all = sigset_t()
                unsafe sigfillset(&all)
                unsafe pthread_sigmask(SIG_BLOCK, &all, nil)
                unsafe ch_name_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        // Out of threads at start: nothing could be computed, and no request is lost by saying so.
        precondition(status == 0, "pthread_create: error \(status)")
    }
}

extension Threads {
    /// Sleeps until the monotonic clock shows `nanoseconds`; at once when it does already.
    static func sleep(until nanoseconds: UInt64) {
        var time = timespec(
            tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        while unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
    }
}

/// A place to sleep until rung.
///
/// UNSAFE FENCE: the mutex and the condition are allocated once, initialised before the first use and
/// destroyed with the bell, which outlives every thread that sleeps on it because they hold its owner.
@safe final class Bell: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(condition, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Sleeps while `condition` holds; it is evaluated under the bell's lock, so no ring is missed.
    func sleep(while mustSleep: () -> Bool) {
        unsafe pthread_mutex_lock(mutex)
        while mustSleep() { unsafe pthread_cond_wait(condition, mutex) }
        unsafe pthread_mutex_unlock(mutex)
    }

    /// Wakes every sleeper to look at its condition again.
    func ring() {
        unsafe pthread_mutex_lock(mutex)
        unsafe pthread_cond_broadcast(condition)
        unsafe pthread_mutex_unlock(mutex)
    }
}
