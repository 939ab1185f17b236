// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
package import MartletBytes
import MartletHTTP
import MartletJSON
package import MartletRaft
package import MartletState
import MartletStorage
package import MartletTransport

/// A filter of any origin, and what it says of a row: what fuzzers call. No list goes through here.
package enum FilterReading {
    package static func holds(_ filter: String, of row: [UInt8]) throws(APIError) -> Bool {
        let node: JSONNode
        do throws(JSONError) {
            node = try JSONReader.parse(row)
        } catch {
            throw APIError(status: 400, message: "no row: \(error)")
        }
        guard case .object(let members) = node.value else { return false }
        let filter = try ListFilter(filter, names: members.map(\.name))
        return ListFilter.matches(filter.expression, node)
    }
}

/// What this module reads from others, or from files that others may have touched: read, and written
/// again. Fuzzers call it; nothing that a server does goes through here.
package enum Reencoding: String, CaseIterable, Sendable {
    case hello, helloReply
    case forward, forwardReply, credential
    case peerRequest, peerReply
    case lookRequest, lookAnswer
    case raftMessage, snapshotOffer
    case memberInfo, gossipMessage
    case founding
    case identityFile, membersFile

    /// The bytes of the frame, or file, that was read.
    ///
    /// - Throws: what a server would refuse them with.
    package func callAsFunction(_ bytes: [UInt8]) throws(ByteError) -> [UInt8] {
        var reader = ByteReader(bytes)
        var writer = ByteWriter()
        switch self {
        case .hello: try Hello(reading: &reader).write(to: &writer)
        case .helloReply: try HelloReply(reading: &reader).write(to: &writer)
        case .forward: try APIRequest(reading: &reader).write(to: &writer)
        case .credential: try Credential(reading: &reader).write(to: &writer)
        case .forwardReply: try ForwardReply(reading: &reader).write(to: &writer)
        case .peerRequest: try PeerRequest(reading: &reader).write(to: &writer)
        case .peerReply: try PeerReply(reading: &reader).write(to: &writer)
        case .lookRequest: try LookRequest(reading: &reader).write(to: &writer)
        case .lookAnswer: try Self.read(LookAnswer(reading: &reader)).write(to: &writer)
        case .raftMessage:
            let version = Hello.protocolMax
            RaftCodec.write(
                try RaftCodec.readMessage(&reader, protocol: version), protocol: version,
                to: &writer)
        case .snapshotOffer: RaftCodec.write(try RaftCodec.readOffer(&reader), to: &writer)
        case .memberInfo: try MemberInfo(reading: &reader).write(to: &writer)
        case .gossipMessage:
            writer.write(raw: try GossipMessage(bytes).encoded)
            return writer.finish()
        case .founding: Founding.write(try Founding.read(&reader), to: &writer)
        case .identityFile: return IdentityFile.encoded(try IdentityFile.decoded(bytes))
        case .membersFile: return try MembersFile(decoding: bytes).encoded
        }
        try reader.finish()
        return writer.finish()
    }

    /// With its report as who takes it reads that.
    private static func read(_ answer: LookAnswer) throws(ByteError) -> LookAnswer {
        var answer = answer
        guard let report = answer.report else { return answer }
        do throws(StateError) {
            answer.report = try LookReport(decoding: report).encoded()
        } catch {
            throw ByteError(offset: 0, reason: "\(error)")
        }
        return answer
    }

    /// What Raft is told of a frame's payload; nil for what a server would refuse.
    package static func raftMessage(_ bytes: [UInt8]) -> Message? {
        var reader = ByteReader(bytes)
        do throws(ByteError) {
            return try RaftCodec.readMessage(&reader, protocol: Hello.protocolMax)
        } catch {
            return nil
        }
    }

    /// Cuts a stream that comes in pieces into frames.
    ///
    /// - Returns: kind and payload of each, one after the other as they would be sent, and why the
    ///   stream ends where it does, if it has to.
    package static func frames(
        _ pieces: [ArraySlice<UInt8>], payloadBytesMax: Int
    ) -> (frames: [UInt8], refusal: String?) {
        var reader = FrameReader()
        reader.payloadBytesMax = payloadBytesMax
        var writer = ByteWriter()
        do throws(ByteError) {
            for piece in pieces {
                reader.receive(piece.span)
                while let (kind, rest) = try reader.next() {
                    var payload = rest
                    let content = try payload.readRaw(count: payload.remaining)
                    Frame.write(kind, to: &writer) { $0.write(raw: content) }
                }
            }
            return (writer.finish(), nil)
        } catch {
            return (writer.finish(), error.reason)
        }
    }

    /// The names and contents of the files of a tar, and the tar that they make.
    package static func tar(_ bytes: [UInt8]) -> (bytes: [UInt8], files: Int)? {
        do throws(ArchiveError) {
            let files = try Tar.read(bytes, filesMax: 3)
            return (Tar.write(files, unixSeconds: 0), files.count)
        } catch {
            return nil
        }
    }

    /// The state in an archive; nil for an archive that a restore refuses.
    package static func archivedState(
        _ bytes: [UInt8], crypto: any Crypto, compression: any Compression
    ) -> [UInt8]? {
        do {
            let (archive, state) = (MemorySpoolFile(), MemorySpoolFile())
            try archive.append(bytes)
            let unpacked = try SnapshotArchive.unpack(
                archive, to: state, crypto: crypto, compression: compression
            ).get()
            return try state.read(from: 0, limitBytes: unpacked.sizeBytes)
        } catch {
            return nil
        }
    }

    /// The archive that a server would make of a state.
    package static func archive(
        of state: State, crypto: any Crypto, compression: any Compression
    ) -> [UInt8]? {
        let meta = SnapshotMeta(
            index: state.lastAppliedIndex, term: 1, configuration: .empty, configurationIndex: 1,
            wallClockNanoseconds: 0)
        do {
            let packed = try SnapshotArchive.pack(
                state, meta, to: MemorySpoolFile(), crypto: crypto, compression: compression
            ).get()
            return try packed.file.read(from: 0, limitBytes: packed.sizeBytes)
        } catch {
            return nil
        }
    }

    /// Whether the dry run of a plan takes this query.
    package static func takesDryRun(_ queryText: String) -> Bool {
        do {
            _ = try DryRunRequest(Query(queryText))
            return true
        } catch {
            return false
        }
    }
}
