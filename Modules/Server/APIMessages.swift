// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletHTTP
import MartletTransport

/// A request as the endpoints see it, whether it came from a client or from another server.
struct APIRequest {
    var method: RequestHead.Method
    var path: String
    /// Pairs that are read by name.
    var query: Query
    var body: [UInt8]
    /// The body of an endpoint that takes it in pieces; ``body`` is empty then. Of use once.
    var stream: StreamedBody?

    /// Its body cannot be read from the beginning any more.
    var hasBegunBody: Bool { (stream?.source as? IncomingBody)?.hasBegun == true }

    /// The longest body that is taken in pieces, of which none is held.
    static let streamedBodyBytesMax = 4 << 30
    /// The longest body that one server passes on to another.
    /// Fits one frame, with what goes around it.
    static let bodyBytesMax = 7 << 20

    func write(to writer: inout ByteWriter) {
        writer.write(Self.number(of: method))
        writer.write(string: path)
        writer.write(string: query.rawText)
        writer.write(bytes: body)
    }

    /// - Parameter queryText: as it is sent, without the question mark.
    init(method: RequestHead.Method, path: String, queryText: String, body: [UInt8]) {
        self.method = method
        self.path = path
        query = Query(queryText)
        self.body = body
    }

    /// A client's request before its body has come.
    init(_ head: RequestHead) {
        method = head.method
        path = head.path
        query = head.query
        body = []
    }

    init(reading reader: inout ByteReader) throws(ByteError) {
        let number = try reader.readUInt8()
        guard let method = Self.methods.first(where: { $0.number == number })?.method else {
            throw ByteError(offset: 0, reason: "unknown method \(number)")
        }
        self.method = method
        path = try reader.readString(maxBytes: 16 << 10)
        query = Query(try reader.readString(maxBytes: 16 << 10))
        body = try reader.readBytes(max: Self.bodyBytesMax)
    }

    private static let methods: [(method: RequestHead.Method, number: UInt8)] = [
        (.get, 1), (.head, 2), (.put, 3), (.post, 4), (.delete, 5), (.patch, 6), (.options, 7),
        (.connect, 8), (.trace, 9), (.other, 10),
    ]

    private static func number(of method: RequestHead.Method) -> UInt8 {
        methods.first { $0.method == method }?.number ?? 10
    }
}

/// An answer as the endpoints make it.
struct APIResponse {
    enum Content: UInt8 {
        case none = 0
        case json = 1
        case text = 2
        /// A snapshot archive, compressed already.
        case archive = 3
        /// Metrics in Prometheus' text format. Never passed from server to server.
        case prometheus = 4
    }

    /// What a read says of its freshness, as headers.
    struct Freshness {
        var index: UInt64
        var knowsLeader: Bool
        var lastContactMilliseconds: UInt64
    }

    var status: Int
    var content: Content
    var body: [UInt8]
    var freshness: Freshness?
    /// `X-Nomad-Index` alone, of a write.
    var writeIndex: UInt64?
    var allow: String?
    /// Where the next page of a list begins; never passed from server to server, since each has the lists.
    var nextToken: String?
    /// Seconds after which asking again makes sense.
    var retryAfter: Int?
    /// Of an archive: the SHA-256 of the body, in base64.
    var digest: String?
    /// Of the page, which no server asks another for.
    var page: PageAnswer?
    /// The body, made while it is sent; ``body`` is empty then. Whoever does not send it cancels it.
    var stream: StreamedBody?

    init(
        status: Int, content: Content, body: [UInt8], freshness: Freshness? = nil,
        writeIndex: UInt64? = nil, allow: String? = nil, retryAfter: Int? = nil
    ) {
        self.status = status
        self.content = content
        self.body = body
        self.freshness = freshness
        self.writeIndex = writeIndex
        self.allow = allow
        self.retryAfter = retryAfter
    }

    static func json(_ body: [UInt8], freshness: Freshness? = nil) -> APIResponse {
        APIResponse(status: 200, content: .json, body: body, freshness: freshness)
    }

    static func text(_ status: Int, _ message: String) -> APIResponse {
        APIResponse(status: status, content: .text, body: Array(message.utf8))
    }

    static func archive(
        _ packed: SnapshotArchive.Packed, from source: any ByteSource, freshness: Freshness
    ) -> APIResponse {
        var response = APIResponse.stream(
            StreamedBody(source: source, length: packed.sizeBytes), as: .archive,
            freshness: freshness)
        response.digest = packed.digest
        return response
    }

    /// A body that is made while it is sent.
    static func stream(
        _ body: StreamedBody, as content: Content, freshness: Freshness? = nil
    ) -> APIResponse {
        var response = APIResponse(
            status: 200, content: content, body: [], freshness: freshness)
        response.stream = body
        return response
    }

    static var empty: APIResponse { APIResponse(status: 200, content: .none, body: []) }

    func write(to writer: inout ByteWriter) {
        writer.write(UInt16(clamping: status))
        writer.write(content.rawValue)
        writer.write(bytes: body)
        writer.write(freshness != nil)
        if let freshness {
            writer.write(freshness.index)
            writer.write(freshness.knowsLeader)
            writer.write(freshness.lastContactMilliseconds)
        }
        writer.write(writeIndex != nil)
        if let writeIndex { writer.write(writeIndex) }
        writer.write(string: allow ?? "")
        writer.write(UInt16(clamping: retryAfter ?? 0))
        // Only who knows of archives asks for one: to others, nothing changes.
        if content == .archive { writer.write(string: digest ?? "") }
    }

    init(reading reader: inout ByteReader) throws(ByteError) {
        status = Int(try reader.readUInt16())
        guard (200...599).contains(status) else {
            throw ByteError(offset: 0, reason: "a forwarded answer with status \(status)")
        }
        let number = try reader.readUInt8()
        guard let content = Content(rawValue: number), content != .prometheus else {
            throw ByteError(offset: 0, reason: "a forwarded answer with content \(number)")
        }
        self.content = content
        body = try reader.readBytes(max: Frame.payloadBytesMax)
        if try reader.readBool() {
            freshness = Freshness(
                index: try reader.readUInt64(), knowsLeader: try reader.readBool(),
                lastContactMilliseconds: try reader.readUInt64())
        }
        if try reader.readBool() { writeIndex = try reader.readUInt64() }
        let allow = try reader.readString(maxBytes: 256)
        self.allow = allow.isEmpty ? nil : allow
        let retryAfter = Int(try reader.readUInt16())
        self.retryAfter = retryAfter == 0 ? nil : retryAfter
        if content == .archive { digest = try reader.readString(maxBytes: 64) }
    }
}

/// The answer to a forwarded request.
enum ForwardReply {
    case answered(APIResponse)
    /// The server does not lead and has proposed nothing: ask again elsewhere.
    case notLeader

    /// As it fits into a frame: a body that is too long for that is replaced by where to ask for it.
    var fitting: ForwardReply {
        guard case .answered(let response) = self,
            response.body.count > APIRequest.bodyBytesMax
        else { return self }
        return .answered(
            .text(
                503,
                "the answer of \(response.body.count) bytes is too long to pass on: ask the leader")
        )
    }

    func write(to writer: inout ByteWriter) {
        switch self {
        case .answered(let response):
            writer.write(UInt8(0))
            response.write(to: &writer)
        case .notLeader:
            writer.write(UInt8(1))
        }
    }

    init(reading reader: inout ByteReader) throws(ByteError) {
        switch try reader.readUInt8() {
        case 0: self = .answered(try APIResponse(reading: &reader))
        case 1: self = .notLeader
        case let kind: throw ByteError(offset: 0, reason: "unknown forward reply \(kind)")
        }
        try reader.finish()
    }
}

extension Response {
    init(_ response: APIResponse) {
        if let page = response.page {
            self.init(
                status: response.status, contentType: page.contentType, headers: page.fields,
                body: response.body)
            return
        }
        let contentType: ContentType =
            switch response.content {
            case .none: .none
            case .json: .json
            case .text: .text
            case .archive: .gzip
            case .prometheus: .other(PrometheusText.contentType)
            }
        var fields: [HeaderField] = []
        if let fresh = response.freshness {
            fields = [
                HeaderField("X-Nomad-Index", "\(fresh.index)"),
                HeaderField("X-Nomad-Knownleader", fresh.knowsLeader ? "true" : "false"),
                HeaderField("X-Nomad-Lastcontact", "\(fresh.lastContactMilliseconds)"),
            ]
        } else if let index = response.writeIndex {
            fields = [HeaderField("X-Nomad-Index", "\(index)")]
        }
        if let token = response.nextToken {
            fields.append(HeaderField("X-Nomad-NextToken", token))
        }
        if let digest = response.digest {
            fields.append(HeaderField("Digest", "sha-256=\(digest)"))
        }
        if let allow = response.allow { fields.append(HeaderField("Allow", allow)) }
        if let seconds = response.retryAfter {
            fields.append(HeaderField("Retry-After", "\(seconds)"))
        }
        self.init(
            status: response.status, contentType: contentType, headers: fields,
            body: response.body)
    }
}
