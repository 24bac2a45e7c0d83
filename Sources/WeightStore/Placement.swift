internal import Tensors

/// Where the bytes of a segment belong in memory, when that is not one behind the other as in the file.
enum Placement: Sendable {
    /// Records by their numbers.
    case records(RecordOrder)
    /// Channels in panels; `order` is theirs in the file, where they do not lie by their numbers.
    case channels(PanelLayout, order: RecordOrder?)
    /// The scale planes of a matrix in panels.
    case planes(PanelLayout)
}

extension Placement? {
    /// Calls `body` with pieces of a frame that go to one place: its range, counted in the segment as it lies in the
    /// file, and where it belongs.
    ///
    /// - Parameter raw: whole records of the segment, or any range of its planes.
    func forEachRun(in raw: Range<Int>, of segment: Segment, _ body: (Range<Int>, Int) -> Void) {
        switch self {
        case nil: body(raw, raw.lowerBound)
        case .records(let order):
            let bytes = segment.rawBytes / order.records.count
            for start in stride(from: raw.lowerBound, to: raw.upperBound, by: bytes) {
                body(start..<start + bytes, Int(order.records[start / bytes]) * bytes)
            }
        case .channels(let panels, let order):
            let bytes = segment.rawBytes / panels.channels
            for start in stride(from: raw.lowerBound, to: raw.upperBound, by: bytes) {
                let place = start / bytes
                panels.forEachRun(ofChannel: order.map { Int($0.records[place]) } ?? place, at: start, body)
            }
        case .planes(let panels): panels.forEachRun(inPlanes: raw, body)
        }
    }
}

extension PanelLayout {
    /// The pieces of a channel that begins at `start` of a segment. A plane of codes is cut at the same outputs as
    /// the other.
    fileprivate func forEachRun(ofChannel channel: Int, at start: Int, _ body: (Range<Int>, Int) -> Void) {
        let units = WeightForm.padded(outputs) / WeightForm.unit
        let unitsPerPanel = Self.width / WeightForm.unit
        let low = form.code == .int8 ? 64 : 32
        let high = form.code.bytesPerUnit - low
        for index in 0..<count {
            let unit = index * unitsPerPanel
            let wide = min(unitsPerPanel, units - unit)
            let place = offset(of: index) + channel * wide * (low + high)
            let from = start + unit * low
            body(from..<from + wide * low, place)
            if high > 0 {
                let from = start + units * low + unit * high
                body(from..<from + wide * high, place + wide * low)
            }
        }
    }

    /// The pieces of `range` of the planes: groups, then super groups; of each a plane of scales, and one of minima.
    fileprivate func forEachRun(inPlanes range: Range<Int>, _ body: (Range<Int>, Int) -> Void) {
        let padded = WeightForm.padded(outputs)
        let kinds = form.hasMin ? 2 : 1
        let groups = form.groupCount(channels)
        let groupsEnd = groups * form.groupPlaneBytes(outputs: outputs)
        var at = range.lowerBound
        while at < range.upperBound {
            let isSuper = at >= groupsEnd
            let size = isSuper || form.levels == 1 ? 2 : 1
            let (row, within) = (at - (isSuper ? groupsEnd : 0)).quotientAndRemainder(
                dividingBy: padded * size)
            let index = within / (Self.width * size)
            let wide = WeightForm.padded(outputs(of: index).count)
            let offset = within - index * Self.width * size
            let end = min(at + wide * size - offset, range.upperBound)
            let before = isSuper ? groups * kinds * wide * (form.levels == 1 ? 2 : 1) : 0
            body(
                at..<end,
                self.offset(of: index) + planeOffset(of: index) + before + row * wide * size + offset)
            at = end
        }
    }
}
