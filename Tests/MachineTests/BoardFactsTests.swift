import FoundationEssentials
import Machine
import Support
import Testing

/// What is read of a `sysfs` that a test has written.
@Suite struct BoardFactsTests {
    private func withFiles(_ files: [String: String], _ body: (BoardFacts) -> Void) throws {
        try withTemporaryDirectory { system in
            for (path, text) in files {
                let folder = "\(system)/" + path.split(separator: "/").dropLast().joined(separator: "/")
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try Data(text.utf8).write(to: URL(filePath: "\(system)/\(path)"))
            }
            body(BoardFacts(system: system))
        }
    }

    @Test func boardWithoutFilesTellsNothing() throws {
        try withFiles([:]) { #expect($0 == BoardFacts()) }
    }

    /// The hottest zone, whatever gaps there are; one that is off does not count.
    @Test func hottestZoneCounts() throws {
        try withFiles([
            "class/thermal/thermal_zone0/temp": "48312\n", "class/thermal/thermal_zone1/temp": "-274000\n",
            "class/thermal/thermal_zone4/temp": "61850\n", "class/thermal/thermal_zone5/temp": "hot\n",
        ]) { #expect($0 == BoardFacts(celsius: 61.85)) }
    }

    /// Of a board with slow and fast processors the fast ones count, the busiest of them.
    @Test func fastestProcessorsCount() throws {
        func cpu(_ number: Int, _ now: Int, _ limit: Int, _ highest: Int) -> [String: String] {
            let folder = "devices/system/cpu/cpu\(number)/cpufreq"
            return [
                "\(folder)/scaling_cur_freq": "\(now)\n", "\(folder)/scaling_max_freq": "\(limit)\n",
                "\(folder)/cpuinfo_max_freq": "\(highest)\n",
            ]
        }
        let files = [
            cpu(0, 1_800_000, 1_800_000, 1_800_000), cpu(4, 408_000, 2_000_000, 2_400_000),
            cpu(5, 1_608_000, 2_000_000, 2_400_000),
        ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }
        try withFiles(files) {
            #expect($0.clock == .init(kilohertz: 1_608_000, limit: 2_000_000, highest: 2_400_000))
        }
    }

    @Test(arguments: [
        ("0\n", [], []), ("50005\n", ["under-voltage", "throttled"], ["under-voltage", "throttled"]),
        ("0x80002\n", ["frequency capped"], ["soft temperature limit"]),
    ])
    func firmwareTellsWhyItSlowsDown(text: String, now: [String], since: [String]) throws {
        try withFiles(["devices/platform/soc/soc:firmware/get_throttled": text]) { facts in
            #expect(facts.throttling?.now == now)
            #expect(facts.throttling?.sinceStart == since)
        }
    }

    @Test func uselessWordOfTheFirmwareIsNone() throws {
        try withFiles(["devices/platform/soc/soc:firmware/get_throttled": "what?\n"]) {
            #expect($0.throttling == nil)
        }
    }

    @Test func whatIsNoTerminalHasNoSize() {
        #expect(TerminalSize(ofDescriptor: -1) == nil)
    }
}
