internal import Generation
internal import Machine
internal import WireAPI

/// What `GET /health` and `GET /v1/models` say about the engine.
struct StatusReport {
    let model: ModelDescription
    let status: EngineStatus

    init(_ generator: any TextGenerator) {
        model = generator.model
        status = generator.status()
    }

    var isStopping: Bool { status.activity == .stopping }

    var health: JSONValue {
        var health = common
        if let fault = status.fault { health["fault"] = .string(fault) }
        if let memory = status.memory { health["memory"] = self.memory(memory) }
        return .object(health)
    }

    /// Seconds, to the millisecond.
    private func milliseconds(_ seconds: Double) -> JSONValue { .double((seconds * 1000).rounded() / 1000) }

    private func memory(_ memory: MemoryStatus) -> JSONValue {
        [
            "budget_bytes": .int(memory.budget), "weight_bytes": .int(memory.weights),
            "resident_bytes": .int(ProcessFacts.residentBytes),
            "cache_share": .double(memory.cacheShare),
            "wanted": .int(memory.wanted), "missed": .int(memory.missed),
            "storage_bytes_read": .int(memory.bytesRead), "storage_reads": .int(memory.reads),
        ]
    }

    private var common: JSONObject {
        [
            "status": isStopping ? "stopping" : status.fault == nil ? "ok" : "fault",
            "version": .string(Version.current),
            "activity": .string(status.activity.rawValue),
            "model": modelJSON,
            "queue": ["waiting": .int(status.queued), "capacity": .int(status.queueCapacity)],
            "served": [
                "requests": .int(status.requestsServed), "prompt_tokens": .int(status.promptTokens),
                "generated_tokens": .int(status.generatedTokens),
            ],
            "last_speed": [
                "prefill_tokens_per_second": .double(status.prefillTokensPerSecond),
                "decode_tokens_per_second": .double(status.decodeTokensPerSecond),
            ],
            "decoding": [
                "steps": .int(status.decoding.steps), "seconds": milliseconds(status.decoding.seconds),
                "weight_bytes": .int(status.decoding.weightBytes),
                "all_weight_bytes": .int(status.decoding.allWeightBytes),
            ],
            "uptime_seconds": milliseconds(status.uptime),
            "resident_bytes": .int(ProcessFacts.residentBytes),
            "threads": .int(status.threads),
            "kernels": .string(status.kernels),
        ]
    }

    var models: JSONValue { ["object": "list", "data": [modelJSON]] }

    var modelJSON: JSONValue {
        [
            "id": .string(model.name), "object": "model", "created": .int(model.created), "owned_by": "local",
            "architecture": .string(model.architecture), "parameters": .int(model.parameterCount),
            "context_length": .int(model.contextLength), "vocabulary_size": .int(model.vocabularySize),
            "weight_bytes": .int(model.weightBytes),
            "sparsity": .array(model.sparsityChoices.map { .string($0) }),
        ]
    }

    var tokenizerInfo: JSONValue {
        [
            "model": .string(model.name), "vocabulary_size": .int(model.vocabularySize),
            "bos_token": model.beginToken.map { .string($0) } ?? .null,
            "eos_token": model.endToken.map { .string($0) } ?? .null,
        ]
    }

    /// One line for the service manager.
    var line: String {
        let rate = (status.decodeTokensPerSecond * 10).rounded() / 10
        let speed = rate > 0 ? ", last at \(rate) tokens/s" : ""
        if let fault = status.fault { return "\(model.name): \(fault)" }
        let waiting = status.queued > 0 ? ", \(status.queued) waiting" : ""
        return "\(model.name): \(status.activity.rawValue)\(waiting), \(status.requestsServed) served\(speed)"
    }
}
