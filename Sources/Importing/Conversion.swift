internal import WeightStore

/// Converts all pieces of a plan on several threads and hands them over in the order of the file.
struct Conversion: Sendable {
    let plan: ImportPlan
    let choices: [EncodingChoice]
    let level: Int
    let threads: Int

    /// A piece that may be written now.
    struct Finished: Sendable {
        /// Number of its tensor in the plan.
        var tensor: Int
        var isFirst: Bool
        var elements: EncodedRun
        /// With the last piece of a tensor: all its planes, perhaps none.
        var planes: EncodedRun?
        var sourceBytes: Int
    }

    private struct Job: Sendable {
        var tensor: Int
        var records: Range<Int>
        var isFirst: Bool
        var isLast: Bool
    }

    private struct Converted: Sendable {
        var number: Int
        var elements: EncodedRun
        var planes: ChannelConverter.Planes
    }

    /// Runs to the end; `write` is called for one piece after another.
    func run(_ write: (Finished) throws(StoreError) -> Void) async throws {
        let jobs = plan.tensors.indices.flatMap { number in
            let pieces = plan.tensors[number].pieces
            return pieces.indices.map {
                Job(tensor: number, records: pieces[$0], isFirst: $0 == 0, isLast: $0 == pieces.count - 1)
            }
        }
        try await withThrowingTaskGroup(of: Converted.self) { group in
            // Pieces that are done before their turn wait here; never more than the window.
            var waiting: [Int: Converted] = [:]
            var planes = ChannelConverter.Planes(groups: [], supers: [])
            var (started, written) = (0, 0)
            while written < jobs.count {
                while started < jobs.count, started < written + 2 * max(threads, 1) {
                    let (number, job) = (started, jobs[started])
                    group.addTask {
                        try Task.checkCancellation()
                        return convert(number, job)
                    }
                    started += 1
                }
                guard let converted = try await group.next() else { break }
                waiting[converted.number] = converted
                while let ready = waiting.removeValue(forKey: written) {
                    let job = jobs[written]
                    planes.groups += ready.planes.groups
                    planes.supers += ready.planes.supers
                    let finished = finish(job, ready, &planes)
                    do throws(StoreError) { try write(finished) } catch { throw ImportError.store(error) }
                    written += 1
                }
            }
        }
    }

    private func convert(_ number: Int, _ job: Job) -> Converted {
        let tensor = plan.tensors[job.tensor]
        let piece = PieceConverter.convert(tensor, records: job.records)
        let encoder = FrameEncoder(
            encoding: choices[job.tensor].elements, level: level, frameBytes: tensor.frameBytes)
        switch tensor.source {
        case .rows(let matrix), .rough(let matrix, _): matrix.release(rows: job.records)
        default: break
        }
        return Converted(number: number, elements: encoder.encode(piece.elements), planes: piece.planes)
    }

    private func finish(
        _ job: Job, _ converted: Converted, _ planes: inout ChannelConverter.Planes
    ) -> Finished {
        let tensor = plan.tensors[job.tensor]
        var finished = Finished(
            tensor: job.tensor, isFirst: job.isFirst, elements: converted.elements, planes: nil,
            sourceBytes: tensor.sourceBytes * job.records.count / tensor.layout.recordCount)
        guard job.isLast else { return finished }
        finished.planes = EncodedRun()
        if tensor.layout.planeBytes > 0 {
            let encoder = FrameEncoder(
                encoding: choices[job.tensor].planes, level: level, frameBytes: tensor.layout.planeFrameBytes)
            finished.planes = encoder.encode(planes.groups + planes.supers)
        }
        planes = ChannelConverter.Planes(groups: [], supers: [])
        for source in tensor.sources { source.release(rows: 0..<source.rows) }
        return finished
    }
}
