internal import func Glibc.floor
internal import func Glibc.log10
internal import func Glibc.pow

/// Numbers of a report as people read them.
enum Figure {
    /// `value` with `digits` significant digits, without zeros at the end: `0.0104`, `12.5`, `1e-9`.
    static func significant(_ value: Double, _ digits: Int = 3) -> String {
        guard value.isFinite, value != 0 else { return value == 0 ? "0" : "\(value)" }
        let exponent = Int(floor(log10(abs(value))))
        if (-4..<6).contains(exponent) { return decimal(value, max(digits - 1 - exponent, 0)) }
        return decimal(value / pow(10, Double(exponent)), digits - 1) + "e\(exponent)"
    }

    /// `value` with at most `digits` after the point, without zeros at the end.
    static func decimal(_ value: Double, _ digits: Int) -> String {
        var text = Readable.fixed(value, max(digits, 1))
        if digits < 1 { text = Readable.fixed(value.rounded(), 1) }
        guard text.contains("."), !text.contains("e") else { return text }
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text == "-0" ? "0" : text
    }

    /// A share as percent, to a tenth: `49.8 %`.
    static func percent(_ share: Double) -> String { Readable.fixed(share * 100, 1) + " %" }
}
