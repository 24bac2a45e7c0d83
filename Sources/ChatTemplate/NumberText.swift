/// How Python writes floating point numbers.
enum NumberText {
    /// `repr(value)`: the shortest digits that read back, with an exponent below 1e-4 and from 1e16.
    static func repr(_ value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        let sign = value.sign == .minus ? "-" : ""
        let (digits, exponent) = shortest(value.magnitude)
        if exponent < -4 || exponent >= 16 {
            let tail = digits.dropFirst()
            let size = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
            return
                "\(sign)\(digits.prefix(1))\(tail.isEmpty ? "" : ".\(tail)")e\(exponent < 0 ? "-" : "+")\(size)"
        }
        if exponent < 0 {
            return "\(sign)0.\(String(repeating: "0", count: -exponent - 1))\(digits)"
        }
        let whole = digits.prefix(exponent + 1)
        let fraction = digits.dropFirst(exponent + 1)
        let padding = String(repeating: "0", count: exponent + 1 - whole.count)
        return "\(sign)\(whole)\(padding).\(fraction.isEmpty ? "0" : fraction)"
    }

    /// The significant digits, and the power of ten of the first.
    private static func shortest(_ value: Double) -> (digits: String, exponent: Int) {
        guard value != 0 else { return ("0", 0) }
        let parts = value.description.split(separator: "e")
        let mantissa = parts.first ?? "0"
        var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let halves = mantissa.split(separator: ".", omittingEmptySubsequences: false)
        let whole = halves.first ?? "0"
        let all = (halves.count > 1 ? whole + halves[1] : whole)[...]
        exponent += whole.count - 1
        let leading = all.prefix { $0 == "0" }.count
        var digits = all.dropFirst(leading)
        exponent -= leading
        while digits.count > 1, digits.last == "0" { digits.removeLast() }
        return (String(digits), exponent)
    }

    /// `value` with exactly `places` decimals; half-way cases follow the binary value, as in C.
    ///
    /// A double is m·2^e: its decimal expansion is found exactly by long division in base ten.
    static func fixed(_ value: Double, places: Int) -> String {
        if value.isNaN || value.isInfinite { return repr(value) }
        let sign = value.sign == .minus ? "-" : ""
        var whole = decimalDigits(of: value.magnitude.rounded(.down))
        var rest = value.magnitude - value.magnitude.rounded(.down)
        var fraction: [UInt8] = []
        // Multiplying a fraction by ten can round; peeling it as two exact parts keeps every bit.
        var low = 0.0
        for _ in 0..<places {
            let high = rest * 10
            let error = (-high).addingProduct(rest, 10) + low * 10
            var digit = high.rounded(.down)
            rest = high - digit
            low = error
            if rest + low < 0 {
                digit -= 1
                rest += 1
            } else if rest + low >= 1 {
                digit += 1
                rest -= 1
            }
            fraction.append(UInt8(min(max(digit, 0), 9)))
        }
        let tail = (rest - 0.5) + low
        let isOdd = ((fraction.last ?? whole.last ?? 0) & 1) == 1
        if tail > 0 || (tail == 0 && isOdd) { increment(&whole, &fraction) }
        let text = whole.map { String($0) }.joined()
        return sign + text + (places == 0 ? "" : "." + fraction.map { String($0) }.joined())
    }

    private static func increment(_ whole: inout [UInt8], _ fraction: inout [UInt8]) {
        for place in fraction.indices.reversed() {
            if fraction[place] < 9 {
                fraction[place] += 1
                return
            }
            fraction[place] = 0
        }
        for place in whole.indices.reversed() {
            if whole[place] < 9 {
                whole[place] += 1
                return
            }
            whole[place] = 0
        }
        whole.insert(1, at: 0)
    }

    /// Digits of a whole number of any size: doubling its 53 bits up in base ten.
    private static func decimalDigits(of value: Double) -> [UInt8] {
        if let small = UInt64(exactly: value) { return String(small).utf8.map { $0 - 48 } }
        var digits = String(UInt64(value.significand * 0x1p52)).utf8.map { $0 - 48 }
        for _ in 0..<max(0, Int(value.exponent) - 52) {
            var carry: UInt8 = 0
            for place in digits.indices.reversed() {
                let doubled = digits[place] * 2 + carry
                digits[place] = doubled % 10
                carry = doubled / 10
            }
            if carry > 0 { digits.insert(carry, at: 0) }
        }
        return digits
    }
}
