/// Runs a grammar's instructions, and remembers where its states lead: words of a vocabulary are tried in the same
/// state over and over.
///
/// Source: automata whose states are made when they are met, as in Cox, "Regular Expression Matching in the Wild" (2010).
final class GrammarMachine {
    /// All ways in which a text may be read.
    struct State {
        /// Each stands before a byte that it wants, or at the end; none when the text is not of the grammar.
        var threads: [Thread]
        /// Its number among the states that are known, while `generation` is the machine's.
        fileprivate var number: Int
        fileprivate var generation: Int
    }

    /// One way to read the text: where it goes on, and what is open.
    struct Thread: Hashable {
        var place: Int
        var stack: Frame?

        static func == (a: Thread, b: Thread) -> Bool { a.place == b.place && Frame.isSame(a.stack, b.stack) }
        func hash(into hasher: inout Hasher) {
            hasher.combine(place)
            hasher.combine(stack?.hash)
        }
    }

    /// What a thread comes back to: a place behind a call, or the count of a repetition.
    final class Frame {
        let value: Int
        let parent: Frame?
        let depth: Int
        let hash: Int

        init(_ value: Int, on parent: Frame?) {
            self.value = value
            self.parent = parent
            depth = (parent?.depth ?? 0) + 1
            var hasher = Hasher()
            hasher.combine(value)
            hasher.combine(parent?.hash)
            hash = hasher.finalize()
        }

        static func isSame(_ a: Frame?, _ b: Frame?) -> Bool {
            var (a, b) = (a, b)
            while let first = a, let second = b {
                if first === second { return true }
                guard first.hash == second.hash, first.value == second.value else { return false }
                (a, b) = (first.parent, second.parent)
            }
            return a == nil && b == nil
        }
    }

    private let instructions: [Grammar.Instruction]
    /// The states that are known, and for each byte of each the number of the next one, -1 where that is not known.
    private var known: [[Thread]] = []
    private var numbers: [[Thread]: Int] = [:]
    private var next: [Int32] = []
    private var knownThreads = 0
    /// How often all was forgotten.
    private var generation = 0

    /// So many are remembered, in 1 MB, and so many threads of them, in a few.
    private static let maximumStates = 1024
    private static let maximumThreads = 16 * GrammarReader.maximumWays
    /// So many instructions are followed behind a byte.
    private static let maximumSteps = 4 * GrammarReader.maximumWays

    init(_ grammar: Grammar) { instructions = grammar.instructions }

    var start: State { enter(follow([Thread(place: 0, stack: nil)])) }

    func isComplete(_ state: State) -> Bool { state.threads.contains { instructions[$0.place] == .accept } }

    func nextBytes(_ state: State) -> ByteSet {
        state.threads.reduce(into: ByteSet()) { set, thread in
            if case .byte(let bytes) = instructions[thread.place] { set.formUnion(bytes) }
        }
    }

    func state(after byte: UInt8, in state: State) -> State {
        let state = state.generation == generation ? state : enter(state.threads)
        let edge = state.number << 8 | Int(byte)
        let number = Int(next[edge])
        if number >= 0 { return State(threads: known[number], number: number, generation: generation) }
        var starts: [Thread] = []
        for thread in state.threads {
            guard case .byte(let set) = instructions[thread.place], set.contains(byte) else { continue }
            starts.append(Thread(place: thread.place + 1, stack: thread.stack))
        }
        let after = enter(follow(starts))
        if after.generation == state.generation { next[edge] = Int32(after.number) }
        return after
    }

    private func enter(_ threads: [Thread]) -> State {
        if let number = numbers[threads] {
            return State(threads: threads, number: number, generation: generation)
        }
        if known.count == Self.maximumStates || knownThreads + threads.count > Self.maximumThreads {
            (known, numbers, next, knownThreads) = ([], [:], [], 0)
            generation += 1
        }
        let number = known.count
        knownThreads += threads.count
        known.append(threads)
        numbers[threads] = number
        next += repeatElement(-1, count: 256)
        return State(threads: threads, number: number, generation: generation)
    }

    /// The threads that `starts` become before they read a byte.
    private func follow(_ starts: [Thread]) -> [Thread] {
        var threads: [Thread] = []
        var seen: Set<Thread> = []
        var open = Array(starts.reversed())
        while let thread = open.popLast() {
            guard seen.insert(thread).inserted else { continue }
            guard threads.count < GrammarReader.maximumWays, seen.count < Self.maximumSteps,
                thread.stack?.depth ?? 0 <= GrammarReader.maximumDepth
            else { continue }
            switch instructions[thread.place] {
            case .byte, .accept: threads.append(thread)
            default: open += successors(of: thread).reversed()
            }
        }
        return threads
    }

    private func successors(of thread: Thread) -> [Thread] {
        let next = thread.place + 1
        switch instructions[thread.place] {
        case .byte, .accept: return []
        case .split(let places): return places.map { Thread(place: $0, stack: thread.stack) }
        case .jump(let place): return [Thread(place: place, stack: thread.stack)]
        case .call(let place): return [Thread(place: place, stack: Frame(next, on: thread.stack))]
        case .return:
            guard let frame = thread.stack else { return [] }
            return [Thread(place: frame.value, stack: frame.parent)]
        case .count: return [Thread(place: next, stack: Frame(0, on: thread.stack))]
        case .repeat(let least, let most, let exit):
            guard let frame = thread.stack else { return [] }
            var threads: [Thread] = []
            if frame.value < most ?? .max {
                // How many there were matters no more where there is no most.
                let count = most == nil ? min(frame.value + 1, least) : frame.value + 1
                threads.append(Thread(place: next, stack: Frame(count, on: frame.parent)))
            }
            if frame.value >= least { threads.append(Thread(place: exit, stack: frame.parent)) }
            return threads
        }
    }
}
