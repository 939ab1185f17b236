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
        let leader = LeaderView(
            lastTerm: core.lastTerm.number, lastIndex: core.lastIndex.number,
            unwrittenMax: options.timing.unwrittenMax)
        let configuration = replica.outlook.configuration
        refreshPortraits(of: configuration)
        var view = ClusterView(
            servers: configuration.members.indices.map { position in
                observe(position, position < progress.count ? progress[position] : nil, leader)
            },
            leader: leader, configuration: replica.state.autopilot ?? options.autopilot)
        view.outsiders = outsiders(of: configuration)
        view.leaderUptime = loop.now - leadingSince
        view.configurationIndex = replica.outlook.configurationIndex.number
        view.baseline = replica.state.upgradeBaseline.map { Int(clamping: $0) }
        view.bootstrapExpect = options.bootstrapExpect
        return view
    }

    /// What follows from what the servers say of themselves and from the configuration: made again
    /// when that changes, which is seldom.
    struct Portrait {
        let id: ServerID
        /// All but how it does.
        var seen: ServerObservation
        let isStopping: Bool
    }

    /// What the portraits were made of.
    struct Sitting: Equatable {
        let members: UInt64
        let servers: UInt64
        let configuration: LogIndex
    }

    private func refreshPortraits(of configuration: Configuration) {
        let sitting = Sitting(
            members: network.members.revision, servers: replica.ask { $0.index(of: .servers) },
            configuration: replica.outlook.configurationIndex)
        guard sitting != self.sitting else { return }
        self.sitting = sitting
        portraits = configuration.members.map(portrait)
        answered = answered.filter { configuration.contains($0.key) }
    }

    private func portrait(of server: Configuration.Server) -> Portrait {
        let isSelf = server.id == self.server.id
        let info = isSelf ? network.own : network.members[server.id]?.info
        let id = server.id.description
        let identity = replica.ask { $0.server(id) }
        var seen = ServerObservation(
            id: id, name: name(of: info, identity), address: server.address,
            version: info?.version ?? identity?.version ?? "", serfStatus: .alive,
            isLeader: isSelf, isVoter: server.role == .voter, lastContact: .zero, lastTerm: 0,
            lastIndex: 0)
        seen.isReadReplica = info?.isNonVoter ?? identity?.isNonVoter ?? false
        seen.zone = info?.redundancyZone ?? identity?.redundancyZone ?? ""
        seen.upgradeVersion = info?.upgradeVersion ?? identity?.upgradeVersion ?? ""
        seen.advertisedAddress = info?.peerAddress
        return Portrait(id: server.id, seen: seen, isStopping: info?.isStopping == true)
    }

    /// - Parameter position: of the server in the configuration.
    private func observe(
        _ position: Int, _ progress: Progress?, _ leader: LeaderView
    ) -> ServerObservation {
        let id = portraits[position].id
        let progress = remembered(progress, of: id)
        var seen = portraits[position].seen
        if portraits[position].isStopping, let since = network.gossip.since(id) {
            seen.stoppedFor = loop.now - since
        }
        if seen.isLeader {
            seen.lastTerm = leader.lastTerm
            seen.lastIndex = leader.lastIndex
        } else {
            seen.serfStatus = network.members.status(of: id) ?? .none
            seen.lastContact = contact(of: progress)
            seen.lastTerm = lastTerm(of: progress, leader)
            seen.lastIndex = lastIndex(of: progress, leader)
            seen.isCaughtUp = progress?.isCaughtUp ?? false
        }
        seen.isReceivingSnapshot = progress?.isReceivingSnapshot ?? false
        seen.unwrittenFor = progress?.unwrittenFor
        return seen
    }

    /// With another role a server begins anew for Raft, and nothing is known of it for a heartbeat: what it
    /// answered before holds on, with its age.
    private func remembered(_ progress: Progress?, of id: ServerID) -> Progress? {
        guard var now = progress, id != server.id else { return progress }
        guard now.lastContact == nil else {
            answered[id] = now
            return now
        }
        guard let before = answered[id] else { return now }
        now.lastContact = before.lastContact
        now.lastTerm = before.lastTerm
        now.lastIndex = before.lastIndex
        return now
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
        let able = replica.core.progress
            .filter {
                $0.id != server.id && replica.outlook.configuration.staysVoter($0.id)
                    && !$0.isRecovering
                    && network.isConnected(to: $0.id)
            }
        // Who goes as well would have to hand it on.
        let staying = able.filter {
            network.members.status(of: $0.id) == .alive
                && network.members[$0.id]?.info.isStopping != true
        }
        return (staying.isEmpty ? able : staying)
            .max { ($0.match, $1.id) < ($1.match, $0.id) }?.id
    }
}
