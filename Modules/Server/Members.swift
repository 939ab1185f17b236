// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
package import MartletRaft

/// One server as this one knows it.
package struct Member: Sendable {
    package var info: MemberInfo
    /// Gossip's; none for a server that gossip has not met.
    package var status: SerfStatus
    /// When it last answered this server's ping, or was first heard of.
    var lastContact: Duration
}

/// Who is there: what gossip says of each, and what those it is connected to said since.
///
/// A synchronous value without a clock: time comes with each call.
///
/// - Invariant: at most ``countMax`` members, ordered by id.
package struct Members: Sendable {
    /// What one server keeps in mind: as many as gossip does, and some whom only the configuration
    /// knows. A stranger beyond is not taken up.
    static let countMax = 128

    private var members: [Member] = []
    /// What each message is checked against, of each member in the same order: a member is large.
    private var keys: [Key] = []

    /// Grows with each change of who is known, and of what they say of themselves.
    private(set) var revision: UInt64 = 0

    private struct Key {
        let id: ServerID
        let clusterID: ServerID?
        let recoveryEpoch: UInt64

        init(_ info: MemberInfo) {
            id = info.id
            clusterID = info.clusterID
            recoveryEpoch = info.recoveryEpoch
        }
    }

    package var all: [Member] { members }

    // Of each member a word: to hand one out costs a copy.

    var aliveCount: Int { members.indices.count { members[$0].status == .alive } }

    /// In order.
    var ids: [ServerID] { keys.map(\.id) }

    func ids(_ status: SerfStatus) -> [ServerID] {
        keys.indices.lazy.filter { members[$0].status == status }.map { keys[$0].id }
    }

    func contains(_ id: ServerID) -> Bool { position(of: id) != nil }

    /// nil for a stranger.
    func status(of id: ServerID) -> SerfStatus? { position(of: id).map { members[$0].status } }

    package subscript(_ id: ServerID) -> Member? {
        position(of: id).map { members[$0] }
    }

    /// Whether a known server says that it belongs to this life of this cluster.
    func belongs(_ id: ServerID, to cluster: ServerID, epoch: UInt64) -> Bool {
        guard let position = position(of: id) else { return false }
        return keys[position].clusterID == cluster && keys[position].recoveryEpoch == epoch
    }

    /// Takes up what a server says of itself. Of what it said in one life the latest counts, by
    /// whatever way it came; another life is believed.
    ///
    /// - Returns: whether this was news: somebody unknown, or other facts than before.
    mutating func learn(_ info: MemberInfo, at now: Duration) -> Bool {
        if let position = position(of: info.id) {
            let known = members[position].info
            if info.incarnation == known.incarnation, info.revision <= known.revision {
                return false
            }
            guard info != known else { return false }
            members[position].info = info
            keys[position] = Key(info)
            revision += 1
            return true
        }
        guard members.count < Self.countMax else { return false }
        let member = Member(info: info, status: .none, lastContact: now)
        let position = keys.firstIndex { $0.id > info.id } ?? keys.count
        members.insert(member, at: position)
        keys.insert(Key(info), at: position)
        revision += 1
        return true
    }

    /// - Returns: whether that is another status than before.
    mutating func set(_ status: SerfStatus, of id: ServerID) -> Bool {
        guard let position = position(of: id), members[position].status != status else {
            return false
        }
        members[position].status = status
        return true
    }

    /// It answered just now.
    mutating func contacted(_ id: ServerID, at now: Duration) {
        guard let position = position(of: id) else { return }
        members[position].lastContact = now
    }

    mutating func forget(_ id: ServerID) {
        members.removeAll { $0.info.id == id }
        keys.removeAll { $0.id == id }
        revision += 1
    }

    /// Makes room for somebody new: who has been silent for longest and is not needed goes.
    ///
    /// - Returns: who went; nil if there is room already, or nobody can go.
    mutating func makeRoom(keeping needed: (ServerID) -> Bool) -> ServerID? {
        guard members.count >= Self.countMax else { return nil }
        let silent = members.filter { $0.status != .alive && !needed($0.info.id) }
        guard let oldest = silent.min(by: { $0.lastContact < $1.lastContact }) else { return nil }
        forget(oldest.info.id)
        return oldest.info.id
    }

    private func position(of id: ServerID) -> Int? {
        keys.firstIndex { $0.id == id }
    }
}
