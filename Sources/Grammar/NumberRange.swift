/// Decimal numbers between two bounds, written without exponent.
package struct NumberRange: Sendable {
    /// A bound: a number as JSON writes it, and whether it is in the range itself.
    package struct Bound: Sendable, Equatable {
        /// Digits before and behind the point, most significant first; no zeros at the begin of the former but its only
        /// digit, none at the end of the latter.
        fileprivate var whole: [UInt8]
        fileprivate var fraction: [UInt8]
        fileprivate var isNegative: Bool
        fileprivate var isIncluded: Bool

        /// - Parameter text: as in JSON, such as `-1.5`.
        /// - Returns: `nil` for a number with an exponent or with more than 16 digits on one side of its point.
        package init?(_ text: String, isIncluded: Bool) {
            var text = text[...]
            isNegative = text.hasPrefix("-")
            if isNegative { text = text.dropFirst() }
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { return nil }
            let digits = parts.map { part in part.utf8.map { $0 &- 0x30 } }
            guard digits.allSatisfy({ $0.count <= JSONGrammar.maximumDigits && $0.allSatisfy { $0 < 10 } })
            else {
                return nil
            }
            whole = digits[0]
            fraction = digits.count > 1 ? digits[1] : []
            while fraction.last == 0 { fraction.removeLast() }
            self.isIncluded = isIncluded
            if isZero { isNegative = false }
        }

        fileprivate init(zeroIncluded: Bool) {
            (whole, fraction, isNegative, isIncluded) = ([0], [], false, zeroIncluded)
        }

        fileprivate var isZero: Bool { whole == [0] && fraction.isEmpty }

        /// The digit with `index` 0 behind the point, or before it with one below.
        fileprivate func digit(_ index: Int) -> UInt8 {
            if index < 0 { return index + whole.count >= 0 ? whole[index + whole.count] : 0 }
            return index < fraction.count ? fraction[index] : 0
        }

        fileprivate var magnitude: Bound {
            var bound = self
            bound.isNegative = false
            return bound
        }
    }

    private let low: Bound?
    private let high: Bound?
    private let isInteger: Bool

    /// Numbers from `low` to `high`, `nil` being no bound; of these the integers only on demand.
    package init(from low: Bound?, to high: Bound?, isInteger: Bool) {
        (self.low, self.high, self.isInteger) = (low, high, isInteger)
    }

    /// The numbers of the range; `nil` when there are none.
    package var expression: GrammarExpression? {
        var signs: [GrammarExpression] = []
        if high.map({ !$0.isNegative }) ?? true {
            let least = low.flatMap { $0.isNegative ? nil : $0 } ?? Bound(zeroIncluded: true)
            if let positive = magnitudes(from: least, to: high) { signs.append(positive) }
        }
        if low.map(\.isNegative) ?? true {
            // Zero has no sign.
            let least = high.flatMap { $0.isNegative ? $0.magnitude : nil } ?? Bound(zeroIncluded: false)
            if let negative = magnitudes(from: least, to: low?.magnitude) {
                signs.append(.sequence([.text("-"), negative]))
            }
        }
        return signs.isEmpty ? nil : .choice(signs)
    }

    /// One grammar for each number of digits before the point.
    private func magnitudes(from low: Bound, to high: Bound?) -> GrammarExpression? {
        let most = high?.whole.count ?? JSONGrammar.maximumDigits
        guard low.whole.count <= most else { return nil }
        let choices = (low.whole.count...most).compactMap { count in
            digits(
                -count, low, count == low.whole.count, high, count == high?.whole.count,
                isFirst: count > 1)
        }
        return choices.isEmpty ? nil : .choice(choices)
    }

    /// What may stand from the digit `index` on.
    ///
    /// - Parameters:
    ///   - isLow: the digits before are those of `low`, so that what follows must not be less; else it may be anything.
    ///   - isHigh: the same of `high` and not be more.
    ///   - isFirst: a zero here would begin a number of several digits.
    /// - Returns: `nil` when nothing may stand there.
    private func digits(
        _ index: Int, _ low: Bound, _ isLow: Bool, _ high: Bound?, _ isHigh: Bool, isFirst: Bool = false
    ) -> GrammarExpression? {
        if index == 0 { return fraction(low, isLow, high, isHigh) }
        if !isLow, !isHigh, !isFirst {
            return fraction(low, false, high, false).map {
                .sequence([JSONGrammar.digits(-index...(-index)), $0])
            }
        }
        let least = isLow ? low.digit(index) : isFirst ? 1 : 0
        let most = isHigh ? high?.digit(index) ?? 9 : 9
        guard least <= most else { return nil }
        return branches(least, most, isLow, isHigh) { stillLow, stillHigh in
            digits(index + 1, low, stillLow, high, stillHigh)
        }
    }

    /// The end of the number, or a point and digits behind it.
    private func fraction(
        _ low: Bound, _ isLow: Bool, _ high: Bound?, _ isHigh: Bool
    ) -> GrammarExpression? {
        let end = mayEnd(0, low, isLow, high, isHigh) ? GrammarExpression.empty : nil
        if isInteger { return end }
        let more = decimals(0, low, isLow, high, isHigh).map { GrammarExpression.sequence([.text("."), $0]) }
        let choices = [end, more].compactMap { $0 }
        return choices.isEmpty ? nil : .choice(choices)
    }

    /// Digits from the one with `index` behind the point on, at least one.
    private func decimals(
        _ index: Int, _ low: Bound, _ isLow: Bool, _ high: Bound?, _ isHigh: Bool
    ) -> GrammarExpression? {
        guard index < JSONGrammar.maximumDigits else { return nil }
        guard isLow || isHigh else { return JSONGrammar.digits(1...JSONGrammar.maximumDigits - index) }
        let least = isLow ? low.digit(index) : 0
        let most = isHigh ? high?.digit(index) ?? 9 : 9
        guard least <= most else { return nil }
        return branches(least, most, isLow, isHigh) { stillLow, stillHigh in
            let end =
                mayEnd(index + 1, low, stillLow, high, stillHigh) ? GrammarExpression.empty : nil
            let more = decimals(index + 1, low, stillLow, high, stillHigh)
            let choices = [end, more].compactMap { $0 }
            return choices.isEmpty ? nil : .choice(choices)
        }
    }

    /// A digit from `least` to `most` and what `rest` says for it.
    ///
    /// - Parameter rest: whether the digit is the least and the number still at its lower bound, and the same of the upper.
    private func branches(
        _ least: UInt8, _ most: UInt8, _ isLow: Bool, _ isHigh: Bool,
        _ rest: (Bool, Bool) -> GrammarExpression?
    ) -> GrammarExpression? {
        var choices: [GrammarExpression] = []
        func add(_ digits: ClosedRange<UInt8>, _ stillLow: Bool, _ stillHigh: Bool) {
            guard let rest = rest(stillLow, stillHigh) else { return }
            let set = ByteSet(digits.lowerBound + 0x30...digits.upperBound + 0x30)
            choices.append(.sequence([.byte(set), rest]))
        }
        let (first, end) = (isLow ? least + 1 : least, isHigh ? most : most + 1)
        if isLow { add(least...least, true, isHigh && least == most) }
        if first < end { add(first...end - 1, false, false) }
        if isHigh, !isLow || least != most { add(most...most, false, true) }
        return choices.isEmpty ? nil : .choice(choices)
    }

    /// Whether a number may end before the digit `index` behind its point.
    private func mayEnd(_ index: Int, _ low: Bound, _ isLow: Bool, _ high: Bound?, _ isHigh: Bool) -> Bool {
        if isLow, low.fraction.count > index || !low.isIncluded { return false }
        if isHigh, let high, high.fraction.count <= index, !high.isIncluded { return false }
        return true
    }
}
