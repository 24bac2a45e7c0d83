import Logging
import Machine
import Testing

@testable import Server
@testable import chessd

@Suite struct SettingsTests {
    private func resolve(
        flags: [String: String] = [:], environment: [String: String] = [:], file: String? = nil
    ) throws(SettingsError) -> Settings {
        let file = try file.map { text throws(SettingsError) in try SettingsFile(path: "c.yaml", text: text) }
        return try SettingsResolver(flags: flags, environment: environment, file: file).settings()
    }

    @Test func defaultsFillTheRest() throws {
        let settings = try resolve(flags: ["model": "m.chess"])
        #expect(settings.model == "m.chess")
        #expect(settings.socket == "/run/chessd/chessd.sock")
        #expect(settings.listen == nil)
        #expect(settings.threads == nil)
        #expect(settings.context == nil)
        #expect(settings.kernels == nil)
        #expect(settings.logLevel == .info)
        #expect(settings.queue == 8)
        #expect(settings.limits == .init())
    }

    /// Each source alone, and each pair: flags over environment over file.
    @Test(
        arguments: [
            ("1", "2", "3", 1), ("1", nil, "3", 1), (nil, "2", "3", 2), (nil, nil, "3", 3),
            (nil, nil, nil, nil),
        ] as [(String?, String?, String?, Int?)])
    func flagsWinOverEnvironmentOverFile(flag: String?, variable: String?, line: String?, expected: Int?)
        throws
    {
        let settings = try resolve(
            flags: flag.map { ["model": "m", "threads": $0] } ?? ["model": "m"],
            environment: variable.map { ["CHESSD_THREADS": $0] } ?? [:],
            file: line.map { "threads: \($0)" } ?? "")
        #expect(settings.threads == expected)
    }

    @Test func everyKeyIsReadFromEverySource() throws {
        let values = [
            "model": "m", "socket": "/s", "listen": "127.0.0.1:80", "threads": "3", "context": "512",
            "kernels": "scalar", "kv-cache": "q8", "weights": "mapped", "memory-budget": "700M",
            "profile": "/a.profile, b.profile",
            "sparse-prefill": "true", "log-level": "Debug",
            "queue": "0", "grace": "9", "body-limit": "2048", "connections": "5", "idle-timeout": "6",
            "client-timeout": "7", "idle-exit": "8", "log-texts": "true",
        ]
        #expect(Set(values.keys) == Set(SettingKey.all.map(\.name)))
        let variables = Dictionary(
            uniqueKeysWithValues: SettingKey.all.map { ($0.environmentName, values[$0.name] ?? "") })
        #expect(variables["CHESSD_LOG_LEVEL"] == "Debug")
        let file = values.map { "\($0.key): \($0.value)" }.joined(separator: "\n")
        let fromFlags = try resolve(flags: values)
        #expect(fromFlags == (try resolve(environment: variables)))
        #expect(fromFlags == (try resolve(file: file)))
        #expect(fromFlags.listen?.description == "127.0.0.1:80")
        #expect(fromFlags.weights == "mapped")
        #expect(fromFlags.memoryBudget == .bytes(700 << 20))
        #expect(fromFlags.profiles == ["/a.profile", "b.profile"])
        #expect(fromFlags.sparsePrefill)
        #expect(fromFlags.logLevel == .debug)
        #expect(fromFlags.logTexts)
        #expect(fromFlags.queue == 0)
        #expect(fromFlags.limits.grace == .seconds(9))
        #expect(fromFlags.limits.bodyBytes == 2048)
        #expect(fromFlags.limits.connections == 5)
        #expect(fromFlags.limits.idleTimeout == .seconds(6))
        #expect(fromFlags.limits.writeTimeout == .seconds(7))
        #expect(fromFlags.limits.idleExit == .seconds(8))
    }

    @Test func errorsNameTheSource() {
        #expect(throws: SettingsError.missing(key: "model")) { try resolve() }
        #expect(throws: SettingsError.notANumber(place: "--threads", key: "threads", found: "four")) {
            try resolve(flags: ["model": "m", "threads": "four"], file: "threads: 2")
        }
        #expect(
            throws: SettingsError.outOfRange(
                place: "CHESSD_THREADS", key: "threads", found: 0, lowest: 1, highest: 256)
        ) {
            try resolve(flags: ["model": "m"], environment: ["CHESSD_THREADS": "0"])
        }
        #expect(throws: SettingsError.notANumber(place: "c.yaml:3", key: "queue", found: "many")) {
            try resolve(file: "model: m\n# comment\nqueue: many\n")
        }
        let levels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
        #expect(
            throws: SettingsError.unknownWord(
                place: "--log-level", key: "log-level", found: "loud", known: levels)
        ) {
            try resolve(flags: ["model": "m", "log-level": "loud"])
        }
        #expect(
            throws: SettingsError.address(
                place: "CHESSD_LISTEN", key: "listen", problem: .notLoopback("0.0.0.0:8080"))
        ) {
            try resolve(flags: ["model": "m"], environment: ["CHESSD_LISTEN": "0.0.0.0:8080"])
        }
        #expect(
            throws: SettingsError.unknownKey(
                place: "environment", key: "CHESSD_THREAD", suggestion: "CHESSD_THREADS")
        ) {
            try resolve(flags: ["model": "m"], environment: ["CHESSD_THREAD": "2"])
        }
        #expect(throws: SettingsError.unknownKey(place: "c.yaml:2", key: "thread", suggestion: "threads")) {
            try resolve(file: "model: m\nthread: 2")
        }
    }

    @Test func errorsSayWhatToDo() {
        #expect(
            SettingsError.unknownKey(place: "c.yaml:2", key: "thread", suggestion: "threads").description
                == "c.yaml:2: no setting is called thread; did you mean threads?")
        #expect(
            SettingsError.missing(key: "model").description
                == "model: not set; give --model, CHESSD_MODEL or model: in the settings file")
        #expect(
            SettingsError.address(place: "--listen", key: "listen", problem: .notLoopback("0.0.0.0:80"))
                .description
                == "--listen: listen \"0.0.0.0:80\" can be reached from other machines, and the daemon knows "
                + "no passwords; use 127.0.0.1 or [::1], and a proxy that does")
    }

    @Test(arguments: [
        ("model: a b.chess", "a b.chess"), ("model: a # comment", "a"), ("model: a#b", "a#b"),
        ("model: 'it''s'  # x", "it's"), (#"model: "tab\there""#, "tab\there"), ("---\nmodel: a\r\n", "a"),
        ("model:\ta", "a"), ("model: /a:b", "/a:b"),
    ])
    func plainYAMLIsRead(text: String, expected: String) throws {
        #expect(try resolve(file: text).model == expected)
    }

    @Test(arguments: ["model:", "model: ~", "model: null", "model: # nothing", "# model: a"])
    func nothingIsNotSet(text: String) {
        #expect(throws: SettingsError.missing(key: "model")) { try resolve(file: text) }
    }

    @Test(arguments: [
        ("model: [a, b]", 1, "model: lists and maps are not read here, only one value"),
        ("model: {a: b}", 1, "model: lists and maps are not read here, only one value"),
        ("model: |", 1, "model: texts of several lines are not read here"),
        ("model: &x a", 1, "model: begins with &, put the value in quotes"),
        ("model: a: b", 1, "model: holds a colon, put the value in quotes"),
        ("model: 'a", 1, "model: the closing quote is missing"),
        ("model: 'a' b", 1, "model: found \"b\" after the closing quote"),
        (#"model: "\q""#, 1, #"model: \q is no escape read here"#),
        ("\n  model: a", 2, "the line is indented; every setting begins its line"),
        ("- model", 1, "expected key: value, found \"- model\""),
        ("model", 1, "expected key: value, found \"model\""),
        ("model:a", 1, "expected a space after \"model:\""),
        ("model: a\nmodel: b", 2, "model is set already in line 1"),
    ])
    func otherYAMLIsRefused(text: String, line: Int, problem: String) {
        #expect(throws: SettingsError.syntax(path: "c.yaml", line: line, problem: problem)) {
            try resolve(file: text)
        }
    }
}
