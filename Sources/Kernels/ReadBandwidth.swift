internal import CKernels
internal import Machine

/// How fast this machine reads memory: the ceiling of every decoder on it.
package struct ReadBandwidth: Sendable {
    private let words: SharedBuffer<UInt64>
    private let pool: WorkerPool

    /// - Parameters:
    ///   - byteCount: of the buffer read; well beyond the last-level cache.
    ///   - threads: readers side by side.
    package init(byteCount: Int, threads: Int) {
        words = SharedBuffer(count: byteCount / 8)
        pool = WorkerPool(threadCount: threads)
        // Untouched pages all map the same page of zeros, which would stay in the cache.
        words.withMutableSpan(0..<words.count) { span in
            for index in stride(from: 0, to: span.count, by: 64) { span[index] = UInt64(index) }
        }
    }

    /// Bytes per second, the best of `passes` over the buffer.
    package func measure(passes: Int = 5) -> Double {
        var best = 0.0
        for _ in 0..<passes {
            let begin = ProcessFacts.monotonicNanoseconds
            pool.run { worker in
                let share = worker.share(of: words.count, unit: 512)
                let sum = unsafe ck_read_words(words.address(of: share.lowerBound), share.count)
                // The sum is compared with a value it cannot have, so that the reads are not optimised away.
                precondition(sum != UInt64.max, "a sum of small numbers")
            }
            let seconds = Double(ProcessFacts.monotonicNanoseconds - begin) * 1e-9
            best = max(best, Double(words.count * 8) / seconds)
        }
        return best
    }
}
