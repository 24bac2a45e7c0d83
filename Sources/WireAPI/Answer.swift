/// Token counts of a finished request.
package struct Usage: Sendable, Equatable {
    package var promptTokens: Int
    package var cachedTokens: Int
    package var completionTokens: Int

    package init(promptTokens: Int, cachedTokens: Int, completionTokens: Int) {
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.completionTokens = completionTokens
    }

    package var json: JSONValue {
        [
            "prompt_tokens": .int(promptTokens), "completion_tokens": .int(completionTokens),
            "total_tokens": .int(promptTokens + completionTokens),
            "prompt_tokens_details": ["cached_tokens": .int(cachedTokens)],
        ]
    }
}

/// How long a request took; an extension of OpenAI's shape with the member names of llama.cpp's server.
package struct Timings: Sendable, Equatable {
    package var promptTokens: Int
    package var promptSeconds: Double
    package var completionTokens: Int
    package var completionSeconds: Double
    /// The daemon ended the answer early because it is stopping.
    package var cancelled: Bool

    package init(
        promptTokens: Int, promptSeconds: Double, completionTokens: Int, completionSeconds: Double,
        cancelled: Bool = false
    ) {
        self.promptTokens = promptTokens
        self.promptSeconds = promptSeconds
        self.completionTokens = completionTokens
        self.completionSeconds = completionSeconds
        self.cancelled = cancelled
    }

    /// Prompt tokens evaluated per second, without the reused ones; 0 when none were.
    package var promptTokensPerSecond: Double { promptSeconds > 0 ? Double(promptTokens) / promptSeconds : 0 }

    /// Tokens after the first per second between the first and the last; 0 with fewer than two.
    package var completionTokensPerSecond: Double {
        completionTokens > 1 && completionSeconds > 0 ? Double(completionTokens - 1) / completionSeconds : 0
    }

    package var json: JSONValue {
        var object: JSONObject = [
            "prompt_n": .int(promptTokens), "prompt_ms": .double(Self.thousandths(promptSeconds * 1000)),
            "prompt_per_second": .double(Self.thousandths(promptTokensPerSecond)),
            "predicted_n": .int(completionTokens),
            "predicted_ms": .double(Self.thousandths(completionSeconds * 1000)),
            "predicted_per_second": .double(Self.thousandths(completionTokensPerSecond)),
        ]
        if cancelled { object["cancelled"] = true }
        return .object(object)
    }

    private static func thousandths(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}

/// One token with its probability, ready for either shape of log-probabilities.
package struct TokenReport: Sendable, Equatable {
    package struct Candidate: Sendable, Equatable {
        package var bytes: [UInt8]
        /// `nil` for the first token of a prompt, which follows nothing.
        package var logProbability: Double?

        package init(bytes: [UInt8], logProbability: Double?) {
            self.bytes = bytes
            self.logProbability = logProbability
        }

        /// The token as text; bytes that are no whole character show as U+FFFD.
        package var text: String { String(decoding: bytes, as: UTF8.self) }

        /// Characters (Unicode scalars) that begin in the token, so that a character in two tokens counts once.
        package var characterCount: Int { bytes.count { $0 & 0xC0 != 0x80 } }

        var logProbabilityJSON: JSONValue { logProbability.map { .double($0) } ?? .null }

        var json: JSONObject {
            [
                "token": .string(text), "logprob": logProbabilityJSON,
                "bytes": .array(bytes.map { .int(Int($0)) }),
            ]
        }
    }

    package var token: Candidate
    package var alternatives: [Candidate]

    package init(token: Candidate, alternatives: [Candidate]) {
        self.token = token
        self.alternatives = alternatives
    }

    /// Chat's shape of a list of tokens.
    package static func chatJSON(_ reports: [TokenReport]) -> JSONValue {
        let content = reports.map { report in
            var object = report.token.json
            object["top_logprobs"] = .array(report.alternatives.map { .object($0.json) })
            return JSONValue.object(object)
        }
        return ["content": .array(content)]
    }

    /// The shape of `/v1/completions`. The alternatives of a token hold the token itself, as OpenAI's do.
    ///
    /// - Parameter offset: characters (Unicode scalars) of the answer before the first of `reports`; negative
    ///   when they begin with what the tokenizer put in front of the text.
    package static func completionJSON(_ reports: [TokenReport], offset: Int) -> JSONValue {
        var offset = offset
        var offsets: [JSONValue] = []
        for report in reports {
            offsets.append(.int(max(offset, 0)))
            offset += report.token.characterCount
        }
        let alternatives = reports.map { report in
            guard report.token.logProbability != nil else { return JSONValue.null }
            var object = JSONObject()
            // Parts of characters may share a text: the most probable, which comes first, stays.
            for candidate in report.alternatives + [report.token] where object[candidate.text] == nil {
                object[candidate.text] = candidate.logProbabilityJSON
            }
            return JSONValue.object(object)
        }
        return [
            "tokens": .array(reports.map { .string($0.token.text) }),
            "token_logprobs": .array(reports.map(\.token.logProbabilityJSON)),
            "top_logprobs": .array(alternatives),
            "text_offset": .array(offsets),
        ]
    }
}
