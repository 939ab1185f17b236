// SPDX-License-Identifier: Apache-2.0

/// Who belongs to a server's pool, and who is a stranger: a pure function of what both say.
///
/// | this server   | the other             |                                                    |
/// |---------------|-----------------------|----------------------------------------------------|
/// | region        | another region        | stranger                                           |
/// | in a cluster  | in another cluster    | stranger                                           |
/// | of a life     | of another life of it | stranger, unless one of them has no log and goes over |
/// | any           | none yet              | belongs                                            |
enum Admission {
    /// Why `peer` is refused; nil for one that belongs.
    static func refusal(of peer: MemberInfo, by own: MemberInfo) -> String? {
        if peer.id == own.id {
            return "that is this server itself, or another with a copy of its data"
        }
        if peer.region != own.region {
            return "this server is of region \(own.region), not \(peer.region)"
        }
        guard let mine = own.clusterID, let theirs = peer.clusterID else { return nil }
        if mine != theirs { return "this server belongs to cluster \(mine), not \(theirs)" }
        guard isOfAnotherLife(peer, than: own) else { return nil }
        let left = own.recoveryEpoch < peer.recoveryEpoch ? own : peer
        return "\(own.fullName) is of recovery epoch \(RecoveryEpoch.text(own.recoveryEpoch)), "
            + "\(peer.fullName) of \(RecoveryEpoch.text(peer.recoveryEpoch)): the cluster "
            + "was recovered without \(left.fullName), which needs an empty data folder "
            + "to join it"
    }

    /// Whoever has no log yet has nothing of an older life, and takes up a newer one.
    private static func isOfAnotherLife(_ peer: MemberInfo, than own: MemberInfo) -> Bool {
        own.recoveryEpoch != peer.recoveryEpoch
            && !RecoveryEpoch.takesUp(peer, from: own) && !RecoveryEpoch.takesUp(own, from: peer)
    }

    /// It asks the address of a server that it replaced, or finds its own among those to join.
    static func isSameProcess(_ peer: MemberInfo, _ own: MemberInfo) -> Bool {
        peer.id == own.id && peer.incarnation == own.incarnation
    }
}
