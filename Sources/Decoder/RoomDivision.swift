internal import WeightStore

/// How a budget's room is divided between tensors that may be in memory in part.
struct RoomDivision {
    private(set) var tensors: [PartialTensor]
    /// The share of each that has room in memory.
    private(set) var shares: [Double]
    /// Room for what may arrive at once, and for what is read ahead.
    private(set) var arriving: Int
    private let part: Int
    private let left: Double

    /// A division in which nothing has room.
    ///
    /// - Parameters:
    ///   - part: room for what is fetched in parts, as slots are when they are filled first, in bytes.
    ///   - left: the part of the slots that is left in any case.
    init(_ tensors: [PartialTensor], part: Int, left: Double) {
        self.tensors = tensors
        self.part = part
        self.left = left
        shares = tensors.map { _ in 0 }
        arriving = 0
        arriving = arrivalBytes(tensors, shares)
    }

    /// Bytes that the tensors take, and what arrives of them.
    var bytes: Int { arriving + zip(tensors, shares).reduce(0) { $0 + $1.0.bytes(share: $1.1) } }

    /// Gives the tensors `room` bytes, what arrives included.
    mutating func divide(_ room: Int) {
        // The more there is in memory, the less can arrive at once, which is room for more.
        for _ in 0..<Self.refinements {
            shares = shares(filling: room - arriving)
            arriving = arrivalBytes(tensors, shares)
        }
    }

    private static let refinements = 6

    /// Decides again which units stay of tensors whose latest units did, now that their shares are known.
    ///
    /// - Parameters:
    ///   - gap: see `CachePlan.gap`.
    ///   - spare: bytes that reading ahead may take where nothing has room.
    /// - Returns: false when it may not: then nothing changes.
    mutating func choose(gap: Int, spare: Int) -> Bool {
        let choosing = zip(tensors, shares).map { tensor, share in
            var tensor = tensor
            if tensor.choice == .recent { tensor.choose(share: share, gap: gap) }
            return tensor
        }
        let nothing = tensors.map { _ in 0.0 }
        guard arrivalBytes(choosing, nothing) - arrivalBytes(tensors, nothing) <= spare else { return false }
        tensors = choosing
        return true
    }

    private func arrivalBytes(_ tensors: [PartialTensor], _ shares: [Double]) -> Int {
        var (most, ahead) = (part, 0)
        for (tensor, share) in zip(tensors, shares) where share < 1 {
            let bytes = tensor.arrivalBytes(share: share * left)
            most = max(most, bytes.now)
            ahead = max(ahead, bytes.ahead)
        }
        // Pieces are widened to whole pages; what is read ahead is one.
        return most + (((most >> 20) + 16) << 12) + 2 * ahead
    }

    /// What share of each is in memory when a slot must be as useful as room allows.
    private func shares(filling room: Int) -> [Double] {
        var (low, high) = (-2.0, 2.0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            let bytes = tensors.reduce(0) { $0 + $1.bytes(share: $1.share(worth: middle)) }
            if bytes > room { low = middle } else { high = middle }
        }
        return tensors.map { $0.share(worth: high) }
    }
}
