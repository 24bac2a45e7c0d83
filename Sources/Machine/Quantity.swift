/// Numbers as people write them.
enum Quantity {
    /// A number, not below zero, possibly with a letter of `units` behind it: the first stands for `base`, the next
    /// for its square, and so on.
    static func number(_ text: String, units: String, base: Double) -> Double? {
        var digits = Substring(text)
        var unit = 1.0
        if let last = digits.last, let power = units.firstIndex(of: Character(last.uppercased())) {
            for _ in 0...units.distance(from: units.startIndex, to: power) { unit *= base }
            digits.removeLast()
        }
        guard let number = Double(digits), number.isFinite, number >= 0 else { return nil }
        return number * unit
    }
}
