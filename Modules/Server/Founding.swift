// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletRaft
import MartletStorage

/// How servers that have no cluster agree on one: the one with the lowest id proposes a cluster id
/// and the first configuration, and writes them only when every server in it has accepted, durably.
/// A server accepts one founding at a time, so two clusters can never share a server.
///
/// ```
///            enough servers seen, lowest id        all accepted
///   waiting ───────────────────────────▶ proposing ─────────────▶ founded
///      │  proposal of another, durable                              ▲
///      └───────────────────────────▶ accepted ──────────────────────┘
///                                          told that it is done
/// ```
///
/// Two proposers that saw different servers cannot block each other: a proposer that has not
/// completed its founding gives it up when it hears of one by a lower id, and whoever accepted a
/// founding asks its proposer until that completes it or says that it has withdrawn it. A proposer
/// never completes what it has withdrawn, so a server that was told so is free.
struct Founding {
    enum Decision: Equatable {
        /// Store this record, then ask these servers.
        case propose(ServerMetadata.Founding)
        case wait
    }

    /// Who could be in the first configuration: every server that was contacted, has neither
    /// cluster nor log, and expects as many servers as this one.
    static func candidates(own: MemberInfo, members: [Member]) -> [MemberInfo] {
        let others = members.filter { member in
            member.status == .alive && member.info.id != own.id
                && member.info.region == own.region && !member.info.hasLog
                && member.info.clusterID == nil
                && member.info.bootstrapExpect == own.bootstrapExpect
        }
        return ([own] + others.map(\.info)).sorted { $0.id < $1.id }
    }

    /// What a server without a cluster does next. `newClusterID` is used for a new proposal only.
    static func decide(
        own: MemberInfo, members: [Member], accepted: ServerMetadata.Founding?,
        newClusterID: ServerID
    ) -> Decision {
        guard own.bootstrapExpect > 0, !own.hasLog, own.clusterID == nil else { return .wait }
        if let accepted { return accepted.proposer == own.id ? .propose(accepted) : .wait }
        // Somebody belongs to a cluster already: join it instead of founding another.
        guard !members.contains(where: { $0.info.clusterID != nil && $0.info.region == own.region })
        else { return .wait }
        guard !isOutranked(own: own, members: members) else { return .wait }
        let candidates = candidates(own: own, members: members)
        let voters = candidates.filter { !$0.isNonVoter }
        guard voters.count >= own.bootstrapExpect, voters.first?.id == own.id else { return .wait }
        return .propose(
            ServerMetadata.Founding(
                proposer: own.id, clusterID: newClusterID,
                configuration: Configuration(
                    servers: candidates.map {
                        Configuration.Server(
                            id: $0.id, address: $0.peerAddress,
                            role: $0.isNonVoter ? .nonVoter : .voter)
                    })))
    }

    /// Somebody is bound by a proposer with a lower id: that founding goes first.
    static func isOutranked(own: MemberInfo, members: [Member]) -> Bool {
        members.contains { member in
            guard member.status == .alive, member.info.region == own.region,
                member.info.clusterID == nil, let proposer = member.info.boundProposer
            else { return false }
            return proposer < own.id
        }
    }

    /// Whether a proposal can be accepted, given what this server has accepted before.
    static func accepts(
        _ proposal: ServerMetadata.Founding, own: MemberInfo,
        accepted: ServerMetadata.Founding?
    ) -> Bool {
        guard own.clusterID == nil, !own.hasLog, proposal.configuration.contains(own.id),
            proposal.configuration.voterCount > 0, !proposal.configuration.isJoint
        else { return false }
        guard let accepted, accepted != proposal else { return true }
        // Only the coordinator may give up an unfinished founding, and only downwards.
        return accepted.proposer == own.id && proposal.proposer < own.id
            || accepted.proposer == proposal.proposer
    }

    static func write(_ founding: ServerMetadata.Founding, to writer: inout ByteWriter) {
        founding.proposer.write(to: &writer)
        founding.clusterID.write(to: &writer)
        writer.write(bytes: founding.configuration.encoded())
    }

    static func read(_ reader: inout ByteReader) throws(ByteError) -> ServerMetadata.Founding {
        let proposer = try ServerID(reading: &reader)
        let clusterID = try ServerID(reading: &reader)
        let encoded = try reader.readBytes(max: Frame.strangerBytesMax * 2)
        guard let configuration = Configuration(encoded: encoded) else {
            throw ByteError(offset: 0, reason: "a founding with a malformed configuration")
        }
        return ServerMetadata.Founding(
            proposer: proposer, clusterID: clusterID, configuration: configuration)
    }
}
