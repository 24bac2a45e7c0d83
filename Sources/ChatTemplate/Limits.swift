/// What one rendering may use.
///
/// Measured on x86-64: the deepest template that these and `SourceLimits` let through needs less than 512
/// KB of stack in an optimised build and less than 2 MB in a debug build.
package struct RenderLimits: Sendable, Equatable {
    /// Evaluated nodes, elements put into lists, and one for every 8 to 64 bytes of text read or made.
    package var steps: Int
    /// Bytes of the result, and of every text made on the way.
    package var outputBytes: Int
    /// Elements of one `range`.
    package var rangeLength: Int
    /// Nodes evaluated inside each other, macros called inside macros included.
    package var depth: Int

    package init(
        steps: Int = 10_000_000, outputBytes: Int = 32 << 20, rangeLength: Int = 100_000, depth: Int = 200
    ) {
        self.steps = steps
        self.outputBytes = outputBytes
        self.rangeLength = rangeLength
        self.depth = depth
    }

    /// Enough for conversations of thousands of messages; a template that loops for ever ends within seconds.
    package static let standard = RenderLimits()
}

/// What the source of a template may use; the largest published ones have 40 KB and nest 20 deep.
enum SourceLimits {
    static let bytes = 1 << 20
    /// Brackets, operators and blocks inside each other. Bounds the recursion of the parser, of the
    /// evaluation and of giving the tree back.
    static let nesting = 100
}

/// How deep lists and objects may nest where a rendering walks through them.
let valueNesting = 100
