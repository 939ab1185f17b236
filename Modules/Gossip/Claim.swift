// SPDX-License-Identifier: Apache-2.0

/// What is known of a server within one of its incarnations. Flags are only ever added, until the
/// server itself raises its incarnation: so what two servers know can always be united, in any
/// order and any number of times, and both know the same.
///
/// | flags                   | shown as              |
/// |-------------------------|-----------------------|
/// | none                    | alive                 |
/// | leaving                 | leaving               |
/// | gone                    | failed                |
/// | leaving, gone           | left                  |
/// | leaving, gone, pruned   | not at all            |
struct Standing: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    /// It means to leave, or somebody says so for it.
    static let leaving = Standing(rawValue: 1)
    /// It no longer answers.
    static let gone = Standing(rawValue: 2)
    /// It is to be forgotten once it is gone.
    static let pruned = Standing(rawValue: 4)

    static let left: Standing = [.leaving, .gone]
    static let erased: Standing = [.leaving, .gone, .pruned]

    var isGone: Bool { contains(.gone) }
    var isErased: Bool { self == .erased }

    var status: GossipStatus {
        switch (contains(.leaving), isGone) {
        case (false, false): .alive
        case (true, false): .leaving
        case (false, true): .failed
        case (true, true): .left
        }
    }
}

/// One thing that servers tell each other.
enum Claim: Equatable, Sendable {
    case standing(NodeRecord, Standing)
    /// `accuser` gets no answer from a server, in this incarnation of it.
    case suspect(NodeID, incarnation: UInt64, accuser: NodeID)
}

/// A member as a full exchange carries it.
struct ExchangedMember: Equatable, Sendable {
    let record: NodeRecord
    let standing: Standing
    let isSuspect: Bool
    /// For how long it has been gone, in seconds; 0 for others. So that each server forgets it at
    /// the same time, and none brings it back to the others.
    let goneSeconds: UInt32
}
