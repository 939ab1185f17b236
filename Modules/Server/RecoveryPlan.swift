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
        /// Ids of those that are to vote. Empty for those that voted until now, and whoever has more
        /// than each of them.
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
    /// Sorted by id, so that each machine that decides out of the same surveys writes the same file.
    let configuration: Configuration
    /// What was in force until now, committed or not.
    let old: Configuration
    /// In the old configuration and not in the new one.
    let lost: [Configuration.Server]
    /// In the new configuration, and not looked at.
    let unseen: [Configuration.Server]

    package static func make(
        from given: [FolderSurvey], _ wish: Wish
    ) throws(Refusal) -> RecoveryPlan {
        let surveys = try withoutRepetition(given)
        guard let best = surveys.max(by: { $0.position < $1.position }) else {
            throw Refusal(text: "no data folder was given")
        }
        try checkKinship(surveys, with: best)
        let peers = try addresses(wish.peers)
        let voters = try voters(wish, surveys, peers, best)
        var servers: [Configuration.Server] = []
        for survey in surveys {
            let id = survey.serverID
            let moved = peers.first { $0.id == id }?.address
            guard let address = moved ?? best.configuration[id]?.address else {
                throw Refusal(
                    text: "server \(id) is in no configuration: say where it is reached, with "
                        + "-peer \(id)=IP:PORT, or leave it out")
            }
            let role = voters.contains(id) ? Configuration.Role.voter : .nonVoter
            servers.append(.init(id: id, address: address, role: role))
        }
        let unseen = peers.filter { peer in !servers.contains { $0.id == peer.id } }
            .map { peer in
                let role = voters.contains(peer.id) ? Configuration.Role.voter : .nonVoter
                return Configuration.Server(id: peer.id, address: peer.address, role: role)
            }
        let configuration = Configuration(servers: (servers + unseen).sorted { $0.id < $1.id })
        try check(configuration, surveys, best)
        return RecoveryPlan(
            surveys: surveys, configuration: configuration, old: best.configuration,
            lost: best.configuration.members.filter { !configuration.contains($0.id) },
            unseen: unseen)
    }

    /// A folder and a survey of it that says the same are one.
    private static func withoutRepetition(
        _ surveys: [FolderSurvey]
    ) throws(Refusal) -> [FolderSurvey] {
        var kept: [FolderSurvey] = []
        for survey in surveys {
            guard let same = kept.first(where: { $0.serverID == survey.serverID }) else {
                kept.append(survey)
                continue
            }
            guard same.file != nil || survey.file != nil else {
                throw Refusal(
                    text: "\(same.directory) and \(survey.directory) are of the same server, "
                        + "\(survey.serverID): one is a copy: leave it out")
            }
            guard same.position == survey.position, same.commitHint == survey.commitHint else {
                throw Refusal(
                    text: "\(same.place) and \(survey.place) are of the same server, "
                        + "\(survey.serverID), and differ: it has run in between: stop it and make "
                        + "its survey again")
            }
        }
        return kept
    }

    private static func voters(
        _ wish: Wish, _ surveys: [FolderSurvey], _ peers: [(id: ServerID, address: String)],
        _ best: FolderSurvey
    ) throws(Refusal) -> [ServerID] {
        let wanted = try ids(wish.voters)
        for id in wanted where !peers.contains(where: { $0.id == id }) {
            guard surveys.contains(where: { $0.serverID == id }) else {
                throw Refusal(text: "-voter \(id): its data folder was not given")
            }
        }
        guard wanted.isEmpty else { return wanted }
        let old = best.configuration
        let voters = (surveys.map(\.serverID) + peers.map(\.id)).filter {
            old.isVoter($0) || !old.contains($0)
        }
        let ahead = surveys.filter { $0.position == best.position }.map(\.serverID)
        return ahead.contains(where: voters.contains) ? voters : voters + ahead
    }

    /// Of one cluster and one life, each a server of its own, and with data of their own.
    private static func checkKinship(
        _ surveys: [FolderSurvey], with best: FolderSurvey
    ) throws(Refusal) {
        for survey in surveys {
            let name = survey.place
            guard survey.lastIndex > .zero, let clusterID = survey.clusterID else {
                throw Refusal(text: "\(name): this server has no log: leave it out")
            }
            guard clusterID == best.clusterID else {
                throw Refusal(
                    text: "\(name) and \(best.place) belong to different clusters: "
                        + "\(clusterID) and \(best.clusterID.map(\.description) ?? "none")")
            }
            guard survey.recoveryEpoch == best.recoveryEpoch else {
                throw Refusal(
                    text: "\(name) and \(best.place) are of different recovery epochs, "
                        + "\(RecoveryEpoch.text(survey.recoveryEpoch)) and "
                        + "\(RecoveryEpoch.text(best.recoveryEpoch)): give only folders of the last"
                )
            }
            guard !survey.isRecovering else {
                throw Refusal(
                    text: "\(name): this server lost its data and was not refilled: leave it out")
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
        if let odd = surveys.first(where: { $0.commitHint > best.lastIndex }) {
            throw Refusal(
                text:
                    "\(odd.place) knows that index \(odd.commitHint.number) was committed, and the "
                    + "log that is the most up to date, in \(best.place), ends at "
                    + "\(best.lastIndex.number): one of them is damaged or was put back from an old "
                    + "backup: leave it out")
        }
        let next = surveys.filter { configuration.isVoter($0.serverID) }
            .max { $0.position < $1.position }
        guard next?.position != best.position else { return }
        var text =
            "server \(best.serverID) in \(best.place) is ahead of every chosen voter: its log ends at "
            + best.end
        if let next { text += ", that of \(next.serverID) in \(next.place) at \(next.end)" }
        throw Refusal(
            text: text + ". What only it has would be lost: add -voter \(best.serverID), or give "
                + "no -voter at all")
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

    var end: String { "index \(lastIndex.number) of term \(lastTerm.number)" }

    struct Position: Comparable {
        var term: Term
        var index: LogIndex

        static func < (left: Self, right: Self) -> Bool {
            (left.term, left.index) < (right.term, right.index)
        }
    }
}
