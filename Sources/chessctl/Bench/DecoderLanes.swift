internal import Decoder
internal import WeightStore

/// Decoders of one model that take turns: one for dense decoding, and more for profiles whose weights should lie otherwise.
///
/// What a profile keeps whole lies in panels, in which leaving anything out saves no time, so that what one profile is
/// fastest with makes another slow. Within a budget, or where memory does not suffice for as many copies of the weights,
/// there is one decoder for all, made for the first profile.
struct DecoderLanes {
    private let model: StoreInspection
    private let options: DecoderOptions
    /// Whether profiles get decoders of their own.
    private let areApart: Bool
    private var lanes: [Set<String>: Lane] = [:]
    let dense: Lane

    struct Lane {
        let decoder: Decoder
        /// Where there is a budget.
        let memory: MemoryPlan?
    }

    /// Opens the decoder for dense decoding.
    ///
    /// - Parameter profiles: all that will be asked for.
    init(_ model: StoreInspection, _ options: DecoderOptions, profiles: [SparsityProfile]) throws {
        var options = options
        var layouts = Set(profiles.map { Decoder.panelled(model, $0) })
        layouts.insert(Decoder.panelled(model, nil))
        areApart =
            options.budget == nil && layouts.count > 1
            && options.residency.isResident(rawBytes: model.rawBytes() * layouts.count)
        if !areApart { options.profile = profiles.first }
        self.model = model
        self.options = options
        dense = try Self.open(model, options)
        lanes[Decoder.panelled(model, options.profile)] = dense
    }

    /// The decoder for `profile`, which is opened when no other like it was.
    mutating func lane(for profile: SparsityProfile) throws -> Lane {
        guard areApart else { return dense }
        let layout = Decoder.panelled(model, profile)
        if let lane = lanes[layout] { return lane }
        var options = options
        options.profile = profile
        let lane = try Self.open(model, options)
        lanes[layout] = lane
        return lane
    }

    /// A decoder as a program that does nothing else would open it.
    static func open(_ model: StoreInspection, _ options: DecoderOptions) throws -> Lane {
        let (_, decoder, memory) = try Decoder.open(model, options)
        return Lane(decoder: decoder, memory: memory)
    }
}
