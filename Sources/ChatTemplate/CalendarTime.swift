/// A moment as `strftime` writes it, in the caller's local time.
///
/// Source: days to civil date after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
struct CalendarTime {
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
        "November", "December",
    ]
    private static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    private let year, month, day, hour, minute, second, weekday, dayOfYear: Int

    /// `secondsSinceEpoch` is Unix time plus the offset of the local zone; clamped to ±10^14.
    init(secondsSinceEpoch: Int) {
        let seconds = min(max(secondsSinceEpoch, -100_000_000_000_000), 100_000_000_000_000)
        let days = Self.floorDivide(seconds, 86_400)
        let inDay = seconds - days * 86_400
        (hour, minute, second) = (inDay / 3600, inDay / 60 % 60, inDay % 60)
        weekday = days + 4 - Self.floorDivide(days + 4, 7) * 7
        let shifted = days + 719_468
        let era = Self.floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayFromMarch = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayFromMarch + 2) / 153
        day = dayFromMarch - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        dayOfYear = month <= 2 ? dayFromMarch - 305 : dayFromMarch + (leap ? 61 : 60)
    }

    private static func floorDivide(_ a: Int, _ b: Int) -> Int { a >= 0 ? a / b : -((-a + b - 1) / b) }

    /// `format` with its codes replaced; a code outside the set stays as written, as in glibc.
    func text(_ format: String) -> String {
        var result = ""
        var scalars = format.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            guard scalar == "%" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            guard var code = scalars.next() else { return result + "%" }
            var padded = true
            if code == "-", let next = scalars.next() {
                padded = false
                code = next
            }
            result += field(code, padded: padded) ?? "%\(padded ? "" : "-")\(code)"
        }
        return result
    }

    private func field(_ code: Unicode.Scalar, padded: Bool) -> String? {
        func number(_ value: Int, _ width: Int = 2) -> String {
            let digits = String(value)
            return (padded ? String(repeating: "0", count: max(0, width - digits.count)) : "") + digits
        }
        switch code {
        case "Y": return String(year)
        case "y": return number(((year % 100) + 100) % 100)
        case "m": return number(month)
        case "d": return number(day)
        case "e": return (padded && day < 10 ? " " : "") + String(day)
        case "H": return number(hour)
        case "I": return number((hour + 11) % 12 + 1)
        case "M": return number(minute)
        case "S": return number(second)
        case "p": return hour < 12 ? "AM" : "PM"
        case "j": return number(dayOfYear, 3)
        case "w": return String(weekday)
        case "u": return String(weekday == 0 ? 7 : weekday)
        case "A": return Self.weekdays[weekday]
        case "a": return String(Self.weekdays[weekday].prefix(3))
        case "B": return Self.months[month - 1]
        case "b", "h": return String(Self.months[month - 1].prefix(3))
        case "F": return text("%Y-%m-%d")
        case "T", "X": return text("%H:%M:%S")
        case "R": return text("%H:%M")
        case "D", "x": return text("%m/%d/%y")
        case "c": return text("%a %b %e %H:%M:%S %Y")
        case "n": return "\n"
        case "t": return "\t"
        case "%": return "%"
        default: return nil
        }
    }
}
