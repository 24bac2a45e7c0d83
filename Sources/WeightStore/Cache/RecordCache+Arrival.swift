internal import Machine
internal import Synchronization

/// What becomes of the units that a fetch brings: they are checked, unpacked, and some of them kept.
extension RecordCache {
    /// Waits for all parts of the last fetch one by one; checks and unpacks this worker's share of each.
    ///
    /// - Parameter share: which of that many units.
    package func prepare(_ tensor: CachedTensor, unpacker: UnitUnpacker, share: (Int) -> Range<Int>) {
        let parts = last.withLock { $0.starts.count - 1 }
        for part in 0..<parts { prepare(tensor, part: part, unpacker: unpacker, share: share) }
    }

    /// Waits for part `part` of the last fetch; checks and unpacks this worker's share of it.
    ///
    /// - Parameter share: which of that many units; all by default.
    package func prepare(
        _ tensor: CachedTensor, part: Int, unpacker: UnitUnpacker, share: (Int) -> Range<Int> = { 0..<$0 }
    ) {
        let (missing, units, hasAhead) = last.withLock {
            ($0.missing, $0.starts[part]..<$0.starts[part + 1], $0.hasAhead)
        }
        guard !units.isEmpty else { return }
        let began = ProcessFacts.monotonicNanoseconds
        do throws(FileError) {
            // What was read ahead belongs to the first part.
            if hasAhead, part == 0 { try reader.wait(.ahead) }
            try reader.wait(part: part)
        } catch { return note(.file(error)) }
        let waited = ProcessFacts.monotonicNanoseconds - began
        counts.withLock { $0.waited += waited }
        let own = share(units.count)
        for position in units.lowerBound + own.lowerBound..<units.lowerBound + own.upperBound {
            do throws(StoreError) {
                try check(missing[position], of: tensor, unpacker)
            } catch {
                return note(error)
            }
        }
    }

    private func check(
        _ missing: MissingUnit, of tensor: CachedTensor, _ unpacker: UnitUnpacker
    ) throws(StoreError) {
        let frame = tensor.stored.frame(missing.unit)
        let arrived = missing.arrival..<missing.arrival + Int(frame.storedBytes)
        let found = memory.checksum(arrived)
        var part: String { "\(tensor.stored.name), frame \(missing.unit)" }
        var offset: Int { tensor.stored.range(of: missing.unit).lowerBound }
        guard found == frame.checksum else {
            throw .checksum(
                path: reader.path, part: part, offset: offset, expected: frame.checksum, found: found)
        }
        guard tensor.stored.encoding != .raw else { return }
        let target = missing.start..<missing.start + tensor.byteCount(of: missing.unit)
        do throws(ZstdError) {
            try unpacker.unpack(memory, arrived, to: target, tensor.stored.encoding)
        } catch {
            throw .unreadable(path: reader.path, part: part, offset: offset, reason: error.reason)
        }
    }

    /// Moves this worker's share of the units that stay to their slots: after all have computed, and before
    /// the next fetch.
    package func keep(_ tensor: CachedTensor, share: (Int) -> Range<Int>) {
        let admissions = last.withLock { $0.admissions }
        let own = share(admissions.count)
        for admission in admissions[own] {
            let bytes = admission.start..<admission.start + tensor.byteCount(of: admission.unit)
            memory.copy(bytes, to: tensor.slotStart(admission.slot))
        }
        tensor.place(
            admissions[own].lazy.map { admission in
                (admission.unit, tensor.slotStart(admission.slot))
            })
    }
}
