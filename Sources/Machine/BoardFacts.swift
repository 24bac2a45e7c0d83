/// What a board tells about its heat and its clock, each only where the kernel has a file for it.
package struct BoardFacts: Sendable, Equatable {
    /// The hottest of its sensors.
    package var celsius: Double?
    /// The clock of its fastest processors.
    package var clock: Clock?
    /// What a Raspberry Pi's firmware says.
    package var throttling: Throttling?

    package init(celsius: Double? = nil, clock: Clock? = nil, throttling: Throttling? = nil) {
        self.celsius = celsius
        self.clock = clock
        self.throttling = throttling
    }

    /// Reads the facts as they are now.
    ///
    /// - Parameter system: where the kernel's `sysfs` is.
    package init(system: String = "/sys") {
        func number(_ path: String) -> Int? {
            ProcessFacts.firstLine(of: "\(system)/\(path)").flatMap { Int($0) }
        }
        // A zone that is off reports zero kelvin or less; zones need not be numbered without gaps.
        celsius = (0..<32).compactMap { number("class/thermal/thermal_zone\($0)/temp") }
            .filter { (-100_000...250_000).contains($0) }.max().map { Double($0) / 1000 }
        clock = (0..<64).compactMap { processor in
            let folder = "devices/system/cpu/cpu\(processor)/cpufreq"
            guard let now = number("\(folder)/scaling_cur_freq"), now > 0,
                let limit = number("\(folder)/scaling_max_freq"), limit > 0
            else { return nil }
            let highest = number("\(folder)/cpuinfo_max_freq") ?? limit
            return Clock(kilohertz: now, limit: limit, highest: max(highest, limit))
        }.max { ($0.highest, $0.kilohertz) < ($1.highest, $1.kilohertz) }
        throttling = ProcessFacts.firstLine(of: "\(system)/devices/platform/soc/soc:firmware/get_throttled")
            .flatMap { UInt32($0.hasPrefix("0x") ? $0.dropFirst(2) : $0[...], radix: 16) }.map(
                Throttling.init)
    }

    /// A processor's frequency, in kilohertz.
    package struct Clock: Sendable, Equatable {
        package var kilohertz: Int
        /// What the kernel allows now: less than `highest` when it cools, or when someone has asked for it.
        package var limit: Int
        package var highest: Int

        package init(kilohertz: Int, limit: Int, highest: Int) {
            self.kilohertz = kilohertz
            self.limit = limit
            self.highest = highest
        }
    }

    /// The firmware's reasons to slow down: bits 0 to 3 now, 16 to 19 since the board was started.
    ///
    /// Source: Raspberry Pi documentation, `vcgencmd get_throttled`.
    package struct Throttling: Sendable, Equatable {
        package let bits: UInt32

        package init(bits: UInt32) { self.bits = bits }

        private static let reasons = [
            "under-voltage", "frequency capped", "throttled", "soft temperature limit",
        ]

        package var now: [String] { reasons(from: 0) }
        package var sinceStart: [String] { reasons(from: 16) }

        private func reasons(from first: Int) -> [String] {
            Self.reasons.indices.filter { bits >> UInt32(first + $0) & 1 == 1 }.map { Self.reasons[$0] }
        }
    }
}
