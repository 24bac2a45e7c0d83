internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import WireAPI

/// A complete answer with a JSON body.
struct Reply: Sendable {
    var status: HTTPResponse.Status
    var headers: HTTPFields = [:]
    var json: JSONValue

    init(_ json: JSONValue, status: HTTPResponse.Status = .ok) {
        self.status = status
        self.json = json
    }

    /// An error in OpenAI's shape, with the headers its status calls for.
    init(_ error: APIError, allowed: String? = nil) {
        self.init(error.json, status: HTTPResponse.Status(code: error.status))
        if error.status == 503 { headers[.retryAfter] = "2" }
        if error.status == 413 { headers[.connection] = "close" }
        if error.status == 405 { headers[.allow] = allowed }
    }

    @concurrent
    func send(through writer: consuming ResponseWriter, watchedBy stall: StallGuard) async throws {
        let body = ByteBuffer(bytes: json.utf8 + [0x0A])
        var head = HTTPResponse(status: status, headerFields: headers)
        head.headerFields[.contentType] = "application/json"
        head.headerFields[.contentLength] = String(body.readableBytes)
        stall.beginWrite()
        defer { stall.endWrite() }
        try await writer.write(response: head, body: ResponseBody(byteBuffer: body))
    }
}
