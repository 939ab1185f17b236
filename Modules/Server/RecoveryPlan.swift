// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletTransport

/// Who goes on after a lost quorum, decided from what the survivors have.
///
/// - Invariant: no folder that was looked at is ahead of every voter: nothing that is still there is
///   left behind.
package struct RecoveryPlan: Equatable, Sendable {
    /// What an operator asks for.
    package struct Wish: Equatable, Sendable {
        /// Ids of those that are to vote; empty for all.
        package var voters: [String] = []
        /// `ID=ip:port` of survivors whose folders are elsewhere; and of those here that have moved.
        package var peers: [String] = []

        package init() {}
    }

    /// Why nothing was decided.
    package struct Refusal: Error, Equatable, Sendable {
        package let text: String
    }

    let surveys: [FolderSurvey]
    let configuration: Configuration
    /// In the old configuration and not in the new one.
    let lost: [Configuration.Server]
    /// In the new configuration, and not looked at.
    let unseen: [Configuration.Server]

    package static func make(
        from surveys: [FolderSurvey], _ wish: Wish
    ) throws(Refusal) -> RecoveryPlan {
        guard let best = surveys.max(by: { $0.position < $1.position }) else {
            throw Refusal(text: "no data folder was given")
        }
        try checkKinship(surveys, with: best)
        let peers = try addresses(wish.peers)
        let voters = try ids(wish.voters)
        for id in voters where !peers.contains(where: { $0.id == id }) {
            guard surveys.contains(where: { $0.serverID == id }) else {
                throw Refusal(text: "-voter \(id): its data folder was not given")
            }
        }
        var servers: [Configuration.Server] = []
        for survey in surveys {
            let id = survey.serverID
            let moved = peers.first { $0.id == id }?.address
            guard let address = moved ?? best.configuration[id]?.address else {
                throw Refusal(
                    text: "server \(id) is in no configuration: say where it is reached, with "
                        + "-peer \(id)=IP:PORT, or leave it out")
            }
            let votes = voters.isEmpty || voters.contains(id)
            servers.append(.init(id: id, address: address, role: votes ? .voter : .nonVoter))
        }
        let unseen = peers.filter { peer in !servers.contains { $0.id == peer.id } }
            .map { peer in
                let votes = voters.isEmpty || voters.contains(peer.id)
                return Configuration.Server(
                    id: peer.id, address: peer.address, role: votes ? .voter : .nonVoter)
            }
        let configuration = Configuration(servers: servers + unseen)
        try check(configuration, surveys, best)
        return RecoveryPlan(
            surveys: surveys, configuration: configuration,
            lost: best.configuration.servers.filter { !configuration.contains($0.id) },
            unseen: unseen)
    }

    /// Of one cluster and one life, each a server of its own, and with data of their own.
    private static func checkKinship(
        _ surveys: [FolderSurvey], with best: FolderSurvey
    ) throws(Refusal) {
        for (position, survey) in surveys.enumerated() {
            let name = survey.directory
            guard survey.lastIndex > .zero, let clusterID = survey.clusterID else {
                throw Refusal(text: "\(name): this server has no log: leave it out")
            }
            guard clusterID == best.clusterID else {
                throw Refusal(
                    text: "\(name) and \(best.directory) belong to different clusters: "
                        + "\(clusterID) and \(best.clusterID.map(\.description) ?? "none")")
            }
            guard survey.recoveryEpoch == best.recoveryEpoch else {
                throw Refusal(
                    text: "\(name) and \(best.directory) are of different recovery epochs, "
                        + "\(RecoveryEpoch.text(survey.recoveryEpoch)) and "
                        + "\(RecoveryEpoch.text(best.recoveryEpoch)): give only folders of the last"
                )
            }
            guard !survey.isRecovering else {
                throw Refusal(
                    text: "\(name): this server lost its data and was not refilled: leave it out")
            }
            if let same = surveys[..<position].first(where: { $0.serverID == survey.serverID }) {
                throw Refusal(
                    text: "\(same.directory) and \(name) are of the same server, "
                        + "\(survey.serverID): one is a copy")
            }
        }
    }

    private static func check(
        _ configuration: Configuration, _ surveys: [FolderSurvey], _ best: FolderSurvey
    ) throws(Refusal) {
        for server in configuration.servers {
            let same = configuration.servers.first {
                $0.address == server.address && $0.id != server.id
            }
            if let same {
                throw Refusal(
                    text: "\(server.id) and \(same.id) have the same address, \(server.address)")
            }
        }
        let ahead = surveys.filter { configuration.isVoter($0.serverID) }
            .contains { $0.position == best.position }
        guard ahead else {
            throw Refusal(
                text: "server \(best.serverID) in \(best.directory) is ahead of every chosen "
                    + "voter: its log ends at \(best.lastIndex) of \(best.lastTerm). What only it has would "
                    + "be lost: let it vote")
        }
    }

    private static func ids(_ texts: [String]) throws(Refusal) -> [ServerID] {
        var ids: [ServerID] = []
        for text in texts {
            guard let id = ServerID(text) else {
                throw Refusal(text: "-voter: \(text) is not a server's id")
            }
            ids.append(id)
        }
        return ids
    }

    private static func addresses(
        _ texts: [String]
    ) throws(Refusal) -> [(id: ServerID, address: String)] {
        var found: [(id: ServerID, address: String)] = []
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let id = ServerID(parts[0]), SocketAddress(parts[1]) != nil,
                parts[1].utf8.count <= Configuration.addressBytesMax,
                !found.contains(where: { $0.id == id })
            else { throw Refusal(text: "-peer: \(text) is not ID=IP:PORT, or comes twice") }
            found.append((id, String(parts[1])))
        }
        return found
    }
}

extension FolderSurvey {
    /// How up to date its log is (Raft §5.4.1).
    var position: Position { Position(term: lastTerm, index: lastIndex) }

    struct Position: Comparable {
        var term: Term
        var index: LogIndex

        static func < (left: Self, right: Self) -> Bool {
            (left.term, left.index) < (right.term, right.index)
        }
    }
}
