internal import ArgumentParser

/// How much worse than the dense model a profile may be.
struct QualityBounds: Equatable {
    /// Mean KL from the dense model, in nats.
    var divergence: Double?
    var perplexity: PerplexityBound?

    /// - Parameter densePerplexity: of the same text.
    func admit(divergence: Double, perplexity: Double, densePerplexity: Double) -> Bool {
        // Comparisons are so put that what is not a number is never admitted.
        if let greatest = self.divergence, !(divergence <= greatest) { return false }
        guard let bound = self.perplexity else { return true }
        return perplexity <= bound.greatest(densePerplexity)
    }

    /// Such as `KL 0.2` or `KL 0.2 and perplexity +5.0 %`.
    var text: String {
        [divergence.map { "KL \(Figure.significant($0))" }, perplexity.map { "perplexity \($0.text)" }]
            .compactMap(\.self).joined(separator: " and ")
    }
}

/// The greatest perplexity allowed: itself, or by how much it may exceed the dense model's.
enum PerplexityBound: Equatable {
    case value(Double)
    /// A share: 0.05 for `+5%`.
    case increase(Double)

    func greatest(_ dense: Double) -> Double {
        switch self {
        case .value(let value): value
        case .increase(let share): dense * (1 + share)
        }
    }

    var text: String {
        switch self {
        case .value(let value): Figure.significant(value, 4)
        case .increase(let share): "+\(Figure.significant(share * 100)) %"
        }
    }
}

extension PerplexityBound: ExpressibleByArgument {
    /// Reads `+5%`, or a perplexity of 1 and more.
    init?(argument: String) {
        if argument.hasPrefix("+"), argument.hasSuffix("%") {
            guard let percent = Self.number(argument.dropFirst().dropLast()), percent >= 0 else { return nil }
            self = .increase(percent / 100)
        } else {
            guard !argument.hasPrefix("+"), let value = Self.number(argument[...]), value >= 1 else {
                return nil
            }
            self = .value(value)
        }
    }

    private static func number(_ text: Substring) -> Double? {
        // `Double` also reads words such as "nan", and hexadecimal.
        guard text.allSatisfy({ "0123456789.".contains($0) }) else { return nil }
        return Double(text)
    }
}
