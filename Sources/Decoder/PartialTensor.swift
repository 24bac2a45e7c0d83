internal import Glibc
internal import WeightStore

/// A tensor that may be in memory in part.
struct PartialTensor {
    let name: String
    let layout: StoredTensor.Layout
    let segment: Segment
    /// Which of its units stay.
    var choice: CachePlan.Choice
    /// The share of its units that a token needs, on average.
    let wanted: Double

    /// - Parameter kept: the share of its channels that a token needs, 1 where nothing is left out.
    init(
        name: String, layout: StoredTensor.Layout, segment: Segment, choice: CachePlan.Choice, kept: Double
    ) {
        self.choice = choice
        self.name = name
        self.layout = layout
        self.segment = segment
        let records = Double(segment.frameBytes / layout.recordBytes)
        // A slope, however small, lets tensors that are needed whole share what room there is.
        wanted = min(1 - pow(1 - min(max(kept, 0), 1), records), 0.995)
    }

    var units: Int { segment.frames.count }

    /// Units that may stay in memory where it has so much of it.
    func capacity(_ share: Double) -> Int { Int(share * Double(units)) }

    /// What it then takes, with the tables of what is where.
    func bytes(share: Double) -> Int {
        share == 1 ? segment.rawBytes : Int(share * Double(segment.rawBytes + 16 * units)) + tableBytes
    }

    /// Bytes of the tables that say where its records are.
    var tableBytes: Int { Self.tableBytes(layout, segment) }

    static func tableBytes(_ layout: StoredTensor.Layout, _ segment: Segment) -> Int {
        // With an order that takes 8 bytes a record.
        12 * layout.recordCount + 24 * segment.frames.count
    }

    /// Room for a part of a tensor whose rows are fetched in parts, and for unpacking it.
    static func partBytes(_ segment: Segment) -> Int {
        min(segment.storedBytes, CachePlan.partBytes)
            + (segment.encoding == .raw ? 0 : min(segment.rawBytes, 2 * CachePlan.partBytes))
    }

    /// Room for what arrives at once, to unpack it too, and for what is read ahead of it.
    func arrivalBytes(share: Double) -> (now: Int, ahead: Int) {
        let missing = (units - capacity(share)) * segment.frameBytes
        // What is missing anywhere is read with all that lies between.
        let isPinned = choice == .first
        let stored = isPinned ? min(segment.storedBytes, missing) : segment.storedBytes
        let now = stored + (segment.encoding == .raw ? 0 : min(segment.rawBytes, missing))
        guard isPinned, case .bundle = layout else { return (now, 0) }
        return (now, min(stored + (2 << 12), CachePlan.aheadBytes))
    }

    /// Decides which units stay of a tensor whose channels lie in the order of their numbers.
    ///
    /// - Parameters:
    ///   - share: the share of its units that can stay.
    ///   - gap: see `CachePlan.gap`.
    mutating func choose(share: Double, gap: Int) {
        // Bytes that a token reads for each of the tensor's units, a read counted as a gap. By rank a token misses
        // less, but all over the file: 25 % of what it wants, with 55 % of the units in memory, where it wants half of
        // them; 66 % with 20 %; 8 % with 60 % where it wants three in ten (Qwen2.5-Coder 1.5B, CHESS).
        func cost(_ density: Double) -> Double {
            min(Double(segment.frameBytes), density * Double(segment.frameBytes + gap))
        }
        let missing = 1 - share
        let byRank = cost(wanted * pow(missing, 1 + 0.8 * (1 - wanted) / wanted))
        choice = missing * cost(wanted) < byRank ? .first : .recent
    }

    /// Tensors of which so much is in memory are there as a whole: waiting for a few units, one layer after
    /// the other, costs more than their bytes.
    private static let nearlyWhole = 0.65

    /// The share of units that are worth a slot when a slot must be used by `worth` of all tokens.
    ///
    /// The unit of rank x (0 the most wanted, 1 the least) is wanted by about
    /// `w + 2.6 w (1 - w) (0.55 - x)` of the tokens, where w is the average: fitted to Qwen2.5-Coder 1.5B with
    /// CHESS at 0.5, and exact for units that are always or never wanted.
    func share(worth: Double) -> Double {
        let slope = 2.6 * wanted * (1 - wanted)
        guard slope > 0 else { return 0 }
        let share = 0.55 + (wanted - worth) / slope
        return share > Self.nearlyWhole ? 1 : max(share, 0)
    }
}
