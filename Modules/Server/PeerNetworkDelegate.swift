// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletRaft

/// What the network between servers tells the rest of the server.
protocol PeerNetworkDelegate: AnyObject {
    func network(received message: Message, from peer: ServerID)
    /// The connection *from* this peer ended without a farewell.
    func networkLostConnection(from peer: ServerID)
    /// The connection *to* this peer ended: what was in flight may be lost.
    func networkUnreachable(_ peer: ServerID)
    /// The connection to this peer stands (again).
    func networkConnected(to peer: ServerID)
    /// A peer says that it belongs to a cluster, and this server belongs to none.
    func network(toldCluster clusterID: ServerID, by peer: MemberInfo)
    func networkMembersChanged()
    /// Gossip says something else of a member than before.
    func network(member info: MemberInfo, became status: SerfStatus)
    func network(
        forwarded request: APIRequest, of credential: Credential, trace: String?,
        from peer: ServerID, reply: @escaping (ForwardReply) -> Void)
    func network(
        founding kind: FrameKind, _ payload: inout ByteReader, from peer: MemberInfo,
        session: PeerSession?) throws(ByteError)
    /// A follower offers lanes to this server, or answers a look of its.
    func network(lent kind: FrameKind, _ payload: inout ByteReader, by session: PeerSession)
        throws(ByteError)
    /// The leader wants a look.
    func network(look payload: inout ByteReader, from peer: ServerID) throws(ByteError)
    func networkEnded(_ session: PeerSession)
    /// Who is in the configuration: never forgotten.
    func networkConfiguredServers() -> [ServerID]
    func networkReceiver(for peer: ServerID, session: PeerSession) -> SnapshotReceiver?
}

/// What became of a forwarded request.
enum ForwardResult {
    case replied(ForwardReply)
    /// Certainly not carried out.
    case notSent
    /// It may have been carried out: the connection or the time ended first.
    case lost

    /// For a trace; nil for an answer.
    var failure: String? {
        switch self {
        case .replied(.answered): nil
        case .replied(.notLeader): "it leads no more"
        case .notSent: "not sent"
        case .lost: "no answer"
        }
    }
}
