internal import CKernels

/// One instruction set's kernels, chosen once at start and passed on as a value.
///
/// UNSAFE FENCE: the tables are constants of the program and never change.
@safe package struct KernelSet: @unchecked Sendable {
    let table: UnsafePointer<ck_table>

    private init(_ table: UnsafePointer<ck_table>) { unsafe self.table = table }

    /// The set of that name; `nil` when it is not in this build or this processor cannot run it.
    package init?(named name: String) {
        guard let table = unsafe ck_named(name) else { return nil }
        unsafe self.init(table)
    }

    /// The fastest set this processor can run.
    package static var best: KernelSet { unsafe KernelSet(ck_best()) }

    /// The names of all sets that any build has, poorest first.
    package static var knownNames: [String] {
        var names: [String] = []
        while let name = unsafe ck_known_name(names.count) { names.append(unsafe String(cString: name)) }
        return names
    }

    /// The sets this processor can run, poorest first.
    package static var available: [KernelSet] { knownNames.compactMap { KernelSet(named: $0) } }

    /// Such as `avx512` or `neon-dotprod`.
    package var name: String { unsafe String(cString: table.pointee.name) }
}
