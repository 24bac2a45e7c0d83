internal import Configuration
internal import Logging
internal import Machine
internal import Server
internal import WireAPI

/// Finds each setting in flags, then `CHESSD_*` variables, then the file, then the defaults.
struct SettingsResolver {
    private let sources: [(provider: any ConfigProvider, place: (SettingKey) -> String)]
    private let reader: ConfigReader

    /// - Parameters:
    ///   - flags: the given command-line options by the name of their setting.
    ///   - environment: all variables; those beginning with `CHESSD_` must be settings.
    init(flags: [String: String], environment: [String: String], file: SettingsFile?) throws(SettingsError) {
        try Self.checkNames(environment)
        let given = EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "chessd")
        var sources: [(provider: any ConfigProvider, place: (SettingKey) -> String)] = [
            (Self.provider(named: "flags", flags), { "--\($0.name)" }),
            (given, { $0.environmentName }),
        ]
        if let file {
            let provider = Self.provider(named: file.path, file.entries.mapValues(\.value))
            sources.append((provider, { "\(file.path):\(file.entries[$0.name]?.line ?? 0)" }))
        }
        self.sources = sources
        reader = ConfigReader(providers: sources.map(\.provider))
    }

    func settings() throws(SettingsError) -> Settings {
        guard let model = text(.model), !model.isEmpty else { throw .missing(key: SettingKey.model.name) }
        var limits = ServerLimits()
        if let value = try number(.bodyLimit) { limits.bodyBytes = value }
        if let value = try number(.connections) { limits.connections = value }
        if let value = try number(.idleTimeout) { limits.idleTimeout = .seconds(value) }
        if let value = try number(.clientTimeout) {
            limits.bodyTimeout = .seconds(value)
            limits.writeTimeout = .seconds(value)
        }
        if let value = try number(.grace) { limits.grace = .seconds(value) }
        if let value = try number(.idleExit), value > 0 { limits.idleExit = .seconds(value) }
        return Settings(
            model: model, socket: text(.socket) ?? Settings.defaultSocket, listen: try listenAddress(),
            threads: try number(.threads), context: try number(.context), kernels: text(.kernels),
            keyValueCache: text(.keyValueCache) ?? "f16", weights: text(.weights) ?? "auto",
            memoryBudget: try memoryBudget(), profiles: profiles(),
            sparsePrefill: try boolean(.sparsePrefill),
            logLevel: try logLevel(), logTexts: try boolean(.logTexts), queue: try number(.queue) ?? 0,
            limits: limits)
    }

    private func text(_ key: SettingKey) -> String? {
        reader.string(forKey: ConfigKey(key.name)) ?? key.fallback
    }

    private func number(_ key: SettingKey) throws(SettingsError) -> Int? {
        guard let text = text(key) else { return nil }
        guard let value = Int(text) else {
            throw .notANumber(place: place(of: key), key: key.name, found: text)
        }
        if let range = key.range, !range.contains(value) {
            throw .outOfRange(
                place: place(of: key), key: key.name, found: value, lowest: range.lowerBound,
                highest: range.upperBound)
        }
        return value
    }

    private func memoryBudget() throws(SettingsError) -> MemoryBudget? {
        guard let text = text(.memoryBudget) else { return nil }
        guard let budget = MemoryBudget(text) else {
            throw .unknownWord(
                place: place(of: .memoryBudget), key: SettingKey.memoryBudget.name, found: text,
                known: ["auto", "a number of bytes such as 700M"])
        }
        return budget
    }

    /// One path, or several with commas between.
    private func profiles() -> [String] {
        (text(.profile) ?? "").split(separator: ",").compactMap { part in
            let path = String(part.trimmingPrefix { $0 == " " })
            return path.isEmpty ? nil : path
        }
    }

    private func boolean(_ key: SettingKey) throws(SettingsError) -> Bool {
        let text = text(key) ?? ""
        guard text == "true" || text == "false" else {
            throw .unknownWord(place: place(of: key), key: key.name, found: text, known: ["true", "false"])
        }
        return text == "true"
    }

    private func listenAddress() throws(SettingsError) -> ListenAddress? {
        guard let text = text(.listen) else { return nil }
        do throws(ListenAddressError) {
            return try ListenAddress(text)
        } catch {
            throw .address(place: place(of: .listen), key: SettingKey.listen.name, problem: error)
        }
    }

    private func logLevel() throws(SettingsError) -> Logger.Level {
        let text = text(.logLevel) ?? ""
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            throw .unknownWord(
                place: place(of: .logLevel), key: SettingKey.logLevel.name, found: text,
                known: Logger.Level.allCases.map(\.rawValue))
        }
        return level
    }

    /// Where the value in force comes from, for errors.
    private func place(of key: SettingKey) -> String {
        for source in sources
        where ConfigReader(provider: source.provider).string(forKey: ConfigKey(key.name)) != nil {
            return source.place(key)
        }
        return "default"
    }

    private static func provider(named name: String, _ values: [String: String]) -> InMemoryProvider {
        let pairs = values.map {
            (AbsoluteConfigKey(ConfigKey($0.key)), ConfigValue(.string($0.value), isSecret: false))
        }
        return InMemoryProvider(name: name, values: Dictionary(uniqueKeysWithValues: pairs))
    }

    private static func checkNames(_ environment: [String: String]) throws(SettingsError) {
        // CHESSD_MODELS is for chessctl; both may run in one environment.
        let known = SettingKey.all.map(\.environmentName) + ["CHESSD_CONFIG", "CHESSD_MODELS"]
        for name in environment.keys.sorted() where name.hasPrefix("CHESSD_") && !known.contains(name) {
            throw .unknownKey(
                place: "environment", key: name, suggestion: Suggestion.nearest(to: name, among: known))
        }
    }
}
