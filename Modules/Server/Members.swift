// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
package import MartletRaft

/// One server as this one knows it.
package struct Member: Sendable {
    package var info: MemberInfo
    package var status: SerfStatus
    /// When it last answered, or when it was first heard of.
    var lastContact: Duration
    /// It said that it leaves.
    var isLeaving: Bool
}

/// Who is there, as seen by this server's own connections: a server is alive because it answers a
/// ping, failed because it has not for a while, left because it said so. What others tell only
/// says whom to ask.
///
/// ```
///            answers               says so          connection ends
///   none ──────────────▶ alive ──────────▶ leaving ────────────────▶ left
///     └─ silence ─▶ failed ⇄ alive
/// ```
///
/// A synchronous value without a clock: time comes with each call.
///
/// - Invariant: at most ``countMax`` members, ordered by id.
package struct Members: Sendable {
    /// Silence after which a server counts as failed: four unanswered pings.
    static let silenceMax: Duration = .seconds(4)
    /// What one server keeps in mind; a stranger beyond is not taken up.
    static let countMax = 64

    private var members: [Member] = []
    /// What each message is checked against, of each member in the same order: a member is large.
    private var keys: [Key] = []

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

    package subscript(_ id: ServerID) -> Member? {
        position(of: id).map { members[$0] }
    }

    /// Whether a known server says that it belongs to this life of this cluster.
    func belongs(_ id: ServerID, to cluster: ServerID, epoch: UInt64) -> Bool {
        guard let position = position(of: id) else { return false }
        return keys[position].clusterID == cluster && keys[position].recoveryEpoch == epoch
    }

    /// Takes up what is said of a server: by itself, which is believed, or by another one, which
    /// counts only for a newer life of a server that does not answer.
    ///
    /// - Returns: whether this was news: somebody unknown, or other facts than before.
    mutating func learn(_ info: MemberInfo, isDirect: Bool, at now: Duration) -> Bool {
        if let position = position(of: info.id) {
            let known = members[position].info
            var info = info
            if info.incarnation == known.incarnation {
                // Two connections have no common order, and these only come true in a life: what
                // was said earlier and arrives later must not take them back.
                info.clusterID = info.clusterID ?? known.clusterID
                info.hasLog = info.hasLog || known.hasLog
                // It counts recoveries from its highest bits on.
                info.recoveryEpoch = max(info.recoveryEpoch, known.recoveryEpoch)
            }
            guard info != known else { return false }
            let isNewer = info.incarnation > known.incarnation && members[position].status != .alive
            guard isDirect || isNewer else { return false }
            members[position].info = info
            keys[position] = Key(info)
            if info.incarnation != known.incarnation {
                members[position].isLeaving = false
                if members[position].status == .left || members[position].status == .leaving {
                    members[position].status = .none
                    members[position].lastContact = now
                }
            }
            return true
        }
        guard members.count < Self.countMax else { return false }
        let member = Member(info: info, status: .none, lastContact: now, isLeaving: false)
        let position = keys.firstIndex { $0.id > info.id } ?? keys.count
        members.insert(member, at: position)
        keys.insert(Key(info), at: position)
        return true
    }

    /// Makes room for somebody new: who has been silent for longest and is not needed goes.
    ///
    /// - Returns: who went; nil if there is room already, or nobody can go.
    mutating func makeRoom(keeping needed: (ServerID) -> Bool) -> ServerID? {
        guard members.count >= Self.countMax else { return nil }
        let silent = members.filter { $0.status != .alive && !needed($0.info.id) }
        guard let oldest = silent.min(by: { $0.lastContact < $1.lastContact }) else { return nil }
        members.removeAll { $0.info.id == oldest.info.id }
        keys.removeAll { $0.id == oldest.info.id }
        return oldest.info.id
    }

    /// It answered just now.
    ///
    /// - Returns: whether its status changed.
    mutating func contacted(_ id: ServerID, at now: Duration) -> Bool {
        guard let position = position(of: id) else { return false }
        members[position].lastContact = now
        guard !members[position].isLeaving else { return false }
        let was = members[position].status
        members[position].status = .alive
        return was != .alive
    }

    mutating func leaving(_ id: ServerID) {
        guard let position = position(of: id) else { return }
        members[position].isLeaving = true
        members[position].status = .leaving
    }

    /// Its connection to this server ended.
    mutating func disconnected(_ id: ServerID) {
        guard let position = position(of: id), members[position].isLeaving else { return }
        members[position].status = .left
    }

    /// Time passed: those that were silent for too long have failed.
    ///
    /// - Returns: who changed.
    mutating func tick(at now: Duration, except own: ServerID) -> [ServerID] {
        var changed: [ServerID] = []
        for position in members.indices where members[position].info.id != own {
            let silent = now - members[position].lastContact >= Self.silenceMax
            switch members[position].status {
            case .none where silent, .alive where silent:
                members[position].status = .failed
                changed.append(members[position].info.id)
            case .leaving where silent:
                members[position].status = .left
                changed.append(members[position].info.id)
            case .none, .alive, .leaving, .left, .failed:
                break
            }
        }
        return changed
    }

    private func position(of id: ServerID) -> Int? {
        keys.firstIndex { $0.id == id }
    }
}
