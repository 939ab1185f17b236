// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import MartletRaft
import MartletState
import MartletStorage
import MartletTransport

// What the leader sees: from gossip who is there, from Raft's answers how they do.

extension Steward {
    /// How long a new leader waits for a first answer before it says that there was none. Until then
    /// a server is taken to be where the leader is: nothing speaks against it.
    private static let firstAnswerMax: Duration = .seconds(1)

    /// Nothing is decided on what is only assumed.
    var hasHeardEverybody: Bool {
        !isNew
            || replica.core.progress.allSatisfy { $0.id == server.id || $0.lastContact != nil }
    }

    private func isAwaited(_ progress: Progress?) -> Bool {
        progress?.lastContact == nil && isNew
    }

    func makeView() -> ClusterView {
        let core = replica.core
        let progress = core.progress
        var view = ClusterView(
            servers: core.configuration.members.enumerated().map { position, server in
                observe(server, position < progress.count ? progress[position] : nil)
            },
            leader: LeaderView(
                lastTerm: core.lastTerm.number, lastIndex: core.lastIndex.number),
            configuration: replica.state.autopilot ?? options.autopilot)
        view.outsiders = outsiders(of: core.configuration)
        view.leaderUptime = loop.now - leadingSince
        view.configurationIndex = core.configurationIndex.number
        view.baseline = replica.state.upgradeBaseline.map { Int(clamping: $0) }
        view.bootstrapExpect = options.bootstrapExpect
        return view
    }

    private func observe(
        _ server: Configuration.Server, _ progress: Progress?
    ) -> ServerObservation {
        let core = replica.core
        let isSelf = server.id == self.server.id
        let info = isSelf ? network.own : network.members[server.id]?.info
        let identity = replica.state.server(server.id.description)
        var seen = ServerObservation(
            id: server.id.description, name: name(of: server.id), address: server.address,
            version: info?.version ?? identity?.version ?? "",
            serfStatus: isSelf ? .alive : network.members[server.id]?.status ?? .none,
            isLeader: isSelf, isVoter: server.role == .voter,
            lastContact: isSelf ? .zero : contact(of: progress),
            lastTerm: (isSelf ? core.lastTerm : lastTerm(of: progress)).number,
            lastIndex: (isSelf ? core.lastIndex : lastIndex(of: progress)).number)
        seen.isReceivingSnapshot = progress?.isReceivingSnapshot ?? false
        seen.isCaughtUp = isSelf || progress?.isCaughtUp ?? false
        seen.isReadReplica = info?.isNonVoter ?? identity?.isNonVoter ?? false
        seen.zone = info?.redundancyZone ?? identity?.redundancyZone ?? ""
        seen.upgradeVersion = info?.upgradeVersion ?? identity?.upgradeVersion ?? ""
        seen.advertisedAddress = info?.peerAddress
        if info?.isStopping == true, let since = network.gossip.since(server.id) {
            seen.stoppedFor = loop.now - since
        }
        return seen
    }

    /// Age of the last answer. What leads since a moment ago has not had the time to be answered.
    private func contact(of progress: Progress?) -> Duration? {
        if let answered = progress?.lastContact { return loop.now - answered }
        return isAwaited(progress) ? .zero : nil
    }

    /// Whether the others have not had the time to answer this leader yet.
    private var isNew: Bool { loop.now - leadingSince < Self.firstAnswerMax }

    /// Of a log that the first entry of this leadership may not have reached yet, the leader's own.
    private func lastTerm(of progress: Progress?) -> Term {
        isNew ? replica.core.lastTerm : progress?.lastTerm ?? .zero
    }

    private func lastIndex(of progress: Progress?) -> LogIndex {
        if isNew, progress?.lastContact == nil { return replica.core.lastIndex }
        return progress?.lastIndex ?? .zero
    }

    private func outsiders(of configuration: Configuration) -> [OutsiderObservation] {
        network.members.all.compactMap { member in
            let info = member.info
            guard !configuration.contains(info.id), info.id != server.id, member.status != .none,
                info.clusterID == server.metadata.clusterID,
                info.recoveryEpoch == server.metadata.recoveryEpoch
            else { return nil }
            let refusal = member.status == .alive ? refusal(of: info) : nil
            return OutsiderObservation(
                id: info.id.description, name: info.fullName, address: info.peerAddress,
                serfStatus: member.status,
                heardAfterRemoval: heardAfterRemoval(member),
                refusal: refusal)
        }
    }

    private func heardAfterRemoval(_ member: Member) -> Duration? {
        guard let removal = removed[member.info.id],
            removal.incarnation == member.info.incarnation
        else { return nil }
        return member.lastContact - removal.at
    }

    /// A server of an older version stays outside until it is upgraded. One that was not met yet is
    /// looked at again when it was.
    private func refusal(of info: MemberInfo) -> String? {
        switch server.canJoin(info.id) {
        case true: return nil
        case nil: return "it was not met yet"
        case false:
            let reason = "it runs an older version, which may not read the log"
            noteRefusal(of: info, reason)
            return reason
        }
    }

    /// The voter to hand leadership to: connected, and the furthest.
    func successor() -> ServerID? {
        replica.core.progress
            .filter {
                $0.id != server.id && replica.core.configuration.staysVoter($0.id)
                    && !$0.isRecovering
                    && network.isConnected(to: $0.id)
            }
            .max { ($0.match, $1.id) < ($1.match, $0.id) }?.id
    }
}
