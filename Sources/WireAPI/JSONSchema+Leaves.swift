internal import Grammar

// Strings and numbers.
extension JSONSchema {
    func string(_ keywords: FieldReader) throws(APIError) -> GrammarExpression {
        let least = try keywords.int("minLength", in: 0...Self.maximumCount) ?? 0
        let most = try keywords.int("maxLength", in: 0...Self.maximumCount)
        try refuseEmptyRange(least, most, keywords.name("maxLength"))
        if let pattern = try keywords.string("pattern") {
            guard least == 0, most == nil else {
                throw Self.refusal(keywords.name("pattern"), "does not go with minLength or maxLength")
            }
            do {
                return .sequence([.text("\""), try StringPattern.expression(pattern), .text("\"")])
            } catch {
                throw Self.refusal(
                    keywords.name("pattern"),
                    "\(error.problem), at character \(error.position) of \"\(pattern.prefix(80))\"")
            }
        }
        // Another format only describes, as the standard has it.
        if let format = try keywords.string("format"), let text = JSONGrammar.format(format) {
            return .sequence([.text("\""), text, .text("\"")])
        }
        return JSONGrammar.string(atLeast: least, atMost: most)
    }

    func number(_ keywords: FieldReader, isInteger: Bool) throws(APIError) -> GrammarExpression {
        let low = try bound(keywords, "minimum", "exclusiveMinimum")
        let high = try bound(keywords, "maximum", "exclusiveMaximum")
        guard low != nil || high != nil else {
            return isInteger ? JSONGrammar.integer : JSONGrammar.number
        }
        guard let range = NumberRange(from: low, to: high, isInteger: isInteger).expression else {
            throw Self.refusal(keywords.path, "no number lies between minimum and maximum")
        }
        return range
    }

    private func bound(
        _ keywords: FieldReader, _ included: String, _ excluded: String
    ) throws(APIError) -> NumberRange.Bound? {
        guard keywords.value(included) == nil || keywords.value(excluded) == nil else {
            throw Self.refusal(keywords.name(excluded), "does not go with \(included)")
        }
        for key in [included, excluded] {
            guard let value = keywords.value(key) else { continue }
            guard value.doubleValue != nil else {
                throw .wrongType(keywords.name(key), expected: "a number", found: value)
            }
            guard let bound = NumberRange.Bound(value.text, isIncluded: key == included) else {
                throw Self.refusal(
                    keywords.name(key), "\(value.text) has too many digits; up to 16 on each side are read")
            }
            return bound
        }
        return nil
    }
}
