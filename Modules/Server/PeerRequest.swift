// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletTransport

/// What opens a connection for one request: the request, whose it is, and what is known of its body.
struct PeerRequest {
    var request: APIRequest
    var credential: Credential
    /// Its body follows when it is wanted.
    var hasBody: Bool
    var bodyBytes: UInt64?

    /// - Parameter request: with its streamed body, if it has one.
    init(_ request: APIRequest, _ credential: Credential) {
        self.request = request
        self.credential = credential
        hasBody = request.stream != nil
        bodyBytes = request.stream?.length.map { UInt64($0) }
    }

    func write(to writer: inout ByteWriter) {
        request.write(to: &writer)
        credential.write(to: &writer)
        writer.write(hasBody)
        writer.write(bodyBytes != nil)
        if let bodyBytes { writer.write(bodyBytes) }
    }

    init(reading reader: inout ByteReader) throws(ByteError) {
        request = try APIRequest(reading: &reader)
        credential = try Credential(reading: &reader)
        hasBody = try reader.readBool()
        bodyBytes = try reader.readBool() ? try reader.readUInt64() : nil
        guard bodyBytes ?? 0 <= UInt64(APIRequest.streamedBodyBytesMax) else {
            throw ByteError(offset: 0, reason: "a body of \(bodyBytes ?? 0) bytes")
        }
        try reader.finish()
    }
}

/// The answer to it; the body follows in frames, if it goes piece by piece.
struct PeerReply {
    var reply: ForwardReply
    var hasBody: Bool
    /// The body goes on until somebody ends it, and may be silent for as long as it likes.
    var isLive = false
    var bodyBytes: UInt64?

    init(_ reply: ForwardReply) {
        self.reply = reply
        guard case .answered(let response) = reply, let body = response.stream else {
            hasBody = false
            return
        }
        hasBody = true
        isLive = body.isLive
        bodyBytes = body.length.map { UInt64($0) }
    }

    func write(to writer: inout ByteWriter) {
        writer.write(hasBody)
        writer.write(isLive)
        writer.write(bodyBytes != nil)
        if let bodyBytes { writer.write(bodyBytes) }
        reply.write(to: &writer)
    }

    init(reading reader: inout ByteReader) throws(ByteError) {
        hasBody = try reader.readBool()
        isLive = try reader.readBool()
        bodyBytes = try reader.readBool() ? try reader.readUInt64() : nil
        guard bodyBytes ?? 0 <= UInt64(Int.max) else {
            throw ByteError(offset: 0, reason: "a body of \(bodyBytes ?? 0) bytes")
        }
        reply = try ForwardReply(reading: &reader)
        if hasBody, case .notLeader = reply {
            throw ByteError(offset: 0, reason: "a body of no answer")
        }
    }
}
