internal import Generation
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import WireAPI

/// The client closed its connection, or the daemon its own end, before the answer was complete.
struct ClientGone: Error {}

/// Writes one generation to its client, whole or as server-sent events.
struct AnswerWriter {
    let request: PreparedRequest
    let shape: AnswerShape
    let generator: any TextGenerator
    let stall: StallGuard
    let record: RequestRecord

    @concurrent
    func run(
        _ events: AsyncThrowingStream<GenerationEvent, any Error>, through writer: consuming ResponseWriter
    ) async throws {
        if request.isStream {
            try await stream(events, through: writer)
        } else {
            try await collect(events).send(through: writer, watchedBy: stall)
        }
    }

    /// The whole answer, or the error that ended it.
    private func collect(_ events: AsyncThrowingStream<GenerationEvent, any Error>) async throws -> Reply {
        var choices: [AnswerShape.Choice] = []
        var summaries: [GenerationSummary] = []
        var parts = AnswerParts(prompt: request.prompts[0], reader: request.reader)
        do {
            for try await event in events {
                switch event {
                case .started: record.started()
                case .prompt(let tokens): parts.echo(tokens, withReports: request.wantsReports)
                case .token(let token):
                    record.add(token.text)
                    parts.add(token, report(on: token))
                case .finished(let summary):
                    record.add(summary.trailingText)
                    choices.append(
                        parts.choice(
                            ending: summary, shape.endpoint, withReports: request.wantsReports))
                    summaries.append(summary)
                    guard choices.count == request.prompts.count else {
                        parts = AnswerParts(prompt: request.prompts[choices.count], reader: request.reader)
                        continue
                    }
                    let sum = GenerationSummary.sum(summaries)
                    record.answered(sum, reason: summary.reason)
                    return Reply(shape.whole(choices, usage: sum.usage, timings: sum.timings))
                }
            }
        } catch {
            return Reply(translate(error))
        }
        throw ClientGone()
    }

    /// Server-sent events. The head waits for the first event, so that a refusal still gets its own status.
    @concurrent
    private func stream(
        _ events: AsyncThrowingStream<GenerationEvent, any Error>, through writer: consuming ResponseWriter
    ) async throws {
        var iterator = events.makeAsyncIterator()
        var event: GenerationEvent?
        do {
            event = try await iterator.next()
        } catch {
            return try await Reply(translate(error)).send(through: writer, watchedBy: stall)
        }
        guard event != nil else { throw ClientGone() }
        let fields: HTTPFields = [
            .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache",
        ]
        var body = try await writer.writeHead(HTTPResponse(status: .ok, headerFields: fields))
        var progress = Progress(reader: request.reader)
        do {
            while let current = event {
                let chunks = chunks(for: current, &progress)
                if !chunks.isEmpty { try await send(chunks, to: &body) }
                if case .finished(let summary) = current {
                    record.answered(summary, reason: summary.reason)
                    return try await body.finish(nil)
                }
                event = try await iterator.next()
            }
        } catch let error as GenerationError {
            try await send([.json(translate(error).json), .done], to: &body)
            return try await body.finish(nil)
        }
        throw ClientGone()
    }

    private enum Chunk {
        case json(JSONValue)
        case done
    }

    /// How far a streamed answer has come.
    private struct Progress {
        var reader: AnswerReader
        var callCount = 0
        /// Characters of the tokens reported.
        var offset = 0
    }

    private func chunks(for event: GenerationEvent, _ progress: inout Progress) -> [Chunk] {
        switch event {
        case .started:
            record.started()
            return shape.opening().map { [.json($0)] } ?? []
        case .prompt:
            return []
        case .token(let token):
            record.add(token.text)
            let report = report(on: token)
            let probabilities = report.map { shape.endpoint.logJSON([$0], offset: progress.offset) }
            progress.offset += report?.token.characterCount ?? 0
            let parts = progress.reader.add(token.text)
            return chunks(of: parts, logProbabilities: probabilities, &progress)
        case .finished(let summary):
            record.add(summary.trailingText)
            let parts = progress.reader.add(summary.trailingText) + progress.reader.finish()
            var chunks = chunks(of: parts, logProbabilities: nil, &progress)
            let reason = summary.wireReason(withCalls: progress.callCount > 0)
            chunks.append(.json(shape.closing(reason: reason, timings: summary.timings)))
            if request.includeUsage { chunks.append(.json(shape.usage(summary.usage))) }
            return chunks + [.done]
        }
    }

    /// Chunks with what a token brought; its log-probabilities go with the first text, which may be empty.
    private func chunks(
        of parts: [AnswerPart], logProbabilities: JSONValue?, _ progress: inout Progress
    ) -> [Chunk] {
        var chunks: [Chunk] = []
        var probabilities = logProbabilities
        if probabilities != nil, !parts.contains(where: \.isText) {
            chunks.append(.json(shape.text("", logProbabilities: probabilities)))
        }
        for part in parts {
            switch part {
            case .reasoning(let text): chunks.append(.json(shape.reasoning(text)))
            case .text(let text):
                chunks.append(.json(shape.text(text, logProbabilities: probabilities)))
                probabilities = nil
            case .call(let call):
                chunks.append(.json(shape.call(call, index: progress.callCount)))
                progress.callCount += 1
            }
        }
        return chunks
    }

    @concurrent
    private func send(_ chunks: [Chunk], to body: inout some ResponseBodyWriter) async throws {
        var buffer = ByteBuffer()
        for chunk in chunks {
            buffer.writeStaticString("data: ")
            switch chunk {
            case .json(let value): buffer.writeBytes(value.utf8)
            case .done: buffer.writeStaticString("[DONE]")
            }
            buffer.writeStaticString("\n\n")
        }
        stall.beginWrite()
        defer { stall.endWrite() }
        try await body.write(buffer)
    }
}

// Reports on tokens, and errors.
extension AnswerWriter {
    private func report(on token: GeneratedToken) -> TokenReport? {
        guard request.wantsReports, let probability = token.logProbability else { return nil }
        let bytes = generator.bytes(of: token.id, showSpecial: false)
        return TokenReport(
            token: .init(bytes: bytes, logProbability: Double(probability)),
            alternatives: token.alternatives)
    }

    private func translate(_ error: any Error) -> APIError {
        let answer = APIError(answering: error)
        record.refused(answer, cause: error)
        return answer
    }
}
