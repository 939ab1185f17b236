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
        let leader = LeaderView(lastTerm: core.lastTerm.number, lastIndex: core.lastIndex.number)
        let configuration = replica.outlook.configuration
        var view = ClusterView(
            servers: configuration.members.enumerated().map { position, server in
                observe(server, position < progress.count ? progress[position] : nil, leader)
            },
            leader: leader, configuration: replica.state.autopilot ?? options.autopilot)
        view.outsiders = outsiders(of: configuration)
        view.leaderUptime = loop.now - leadingSince
        view.configurationIndex = replica.outlook.configurationIndex.number
        view.baseline = replica.state.upgradeBaseline.map { Int(clamping: $0) }
        view.bootstrapExpect = options.bootstrapExpect
        return view
    }

    private func observe(
        _ server: Configuration.Server, _ progress: Progress?, _ leader: LeaderView
    ) -> ServerObservation {
        let isSelf = server.id == self.server.id
        let member = isSelf ? nil : network.members[server.id]
        let info = isSelf ? network.own : member?.info
        let id = server.id.description
        let identity = replica.state.server(id)
        var seen = ServerObservation(
            id: id, name: name(of: info, identity), address: server.address,
            version: info?.version ?? identity?.version ?? "",
            serfStatus: isSelf ? .alive : member?.status ?? .none,
            isLeader: isSelf, isVoter: server.role == .voter,
            lastContact: isSelf ? .zero : contact(of: progress),
            lastTerm: isSelf ? leader.lastTerm : lastTerm(of: progress, leader),
            lastIndex: isSelf ? leader.lastIndex : lastIndex(of: progress, leader))
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
    private func lastTerm(of progress: Progress?, _ leader: LeaderView) -> UInt64 {
        isNew ? leader.lastTerm : progress?.lastTerm.number ?? 0
    }

    private func lastIndex(of progress: Progress?, _ leader: LeaderView) -> UInt64 {
        if isAwaited(progress) { return leader.lastIndex }
        return progress?.lastIndex.number ?? 0
    }

    private func outsiders(of configuration: Configuration) -> [OutsiderObservation] {
        network.members.ids.compactMap { id in
            guard !configuration.contains(id), id != server.id,
                let member = network.members[id], member.status != .none
            else { return nil }
            let info = member.info
            guard info.clusterID == server.metadata.clusterID,
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
                $0.id != server.id && replica.outlook.configuration.staysVoter($0.id)
                    && !$0.isRecovering
                    && network.isConnected(to: $0.id)
            }
            .max { ($0.match, $1.id) < ($1.match, $0.id) }?.id
    }
}
