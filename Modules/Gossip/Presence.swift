// SPDX-License-Identifier: Apache-2.0

/// Whether this server is there, on its way out, or out.
///
///     present ──▶ leaving ──▶ left ──▶ over
///                 told, or    told and passed on, or
///                 time is up  time is up
enum Presence: Equatable, Sendable {
    case present
    /// The others are told that it means to leave.
    case leaving(until: Duration)
    /// The others are told that it has left; `quietSince` is when all had been told.
    case left(until: Duration, quietSince: Duration?)
    case over

    var isOver: Bool { self == .over }

    var standing: Standing {
        switch self {
        case .present: []
        case .leaving: .leaving
        case .left, .over: .left
        }
    }

    var nextDeadline: Duration? {
        switch self {
        case .leaving(let until), .left(let until, _): until
        case .present, .over: nil
        }
    }

    mutating func shift(by pause: Duration) {
        switch self {
        case .leaving(let until): self = .leaving(until: until + pause)
        case .left(let until, let quietSince):
            self = .left(until: until + pause, quietSince: quietSince)
        case .present, .over: break
        }
    }
}

extension Gossip {
    var ownStanding: Standing { presence.standing }

    /// First the intent, then the fact: whoever hears only the first takes the silence after it for
    /// what it is.
    mutating func leave() {
        guard presence == .present else { return }
        setPresence(.leaving(until: now + timing.leaveTimeout))
    }

    mutating func advanceLeaving() {
        if case .leaving(let until) = presence, isTold || until <= now {
            setPresence(.left(until: until, quietSince: nil))
        }
        if case .left(let until, nil) = presence, isTold {
            let passedOn = table.presentCount == 0 ? now : now + timing.leavePropagation
            presence = .left(until: min(until, passedOn), quietSince: now)
        }
        guard case .left(let until, _) = presence, until <= now else { return }
        presence = .over
        outbox.append(.leaveFinished)
    }

    /// Whether the others were told what this server last said of itself.
    private var isTold: Bool {
        table.presentCount == 0 || !queue.contains(.standing(own.id))
    }

    private mutating func setPresence(_ next: Presence) {
        presence = next
        ownSince = now
        queue.add(.standing(own.id))
        noteChange(of: own.id)
    }
}
