// SPDX-License-Identifier: Apache-2.0
package import MartletRaft

/// What a search looks at: three servers, and how much may happen to them.
///
/// Not bounded, because they cost no state of their own: every message that was ever sent may arrive
/// at any later moment, any number of times, or never; a follower may lose patience with its leader
/// at any moment; a leader may hear nobody for long at any moment; a write may take for ever.
package struct Scope: Sendable {
    package enum PreVotes: Sendable {
        /// Questions and answers are messages like any other.
        case stepByStep
        /// A campaign is one step: it asks one server, which answers at once. Others are not asked:
        /// a pre-vote changes nothing at anybody, it only lets a campaign begin or not.
        case atOnce
    }

    package enum Writes: Sendable {
        /// Each takes as long as it likes, and a crash may lose it.
        case slow
        /// Complete in the step that asks for them: fewer states, so longer ways are looked at.
        case atOnce
    }

    package enum Start: Sendable {
        /// Term 1, the founding configuration on every disk, nobody leads.
        case founded
        /// The first server leads term 2 and its first entry is committed everywhere.
        case led
        /// The second then leads term 3 with the third, and the first has not heard of it.
        case deposed
        /// The first led term 2 and the third term 3, each with an entry that nobody else has, and
        /// the first just became the leader of term 4: the middle of the paper's Figure 8.
        case forked
    }

    package var name: String
    package var start = Start.founded
    /// Messages from before the start may come again too.
    package var isOldMailKept = false
    package var preVotes = PreVotes.atOnce
    package var writes = Writes.slow
    /// Terms count from 1, the founding's.
    package var termMax: UInt64 = 3
    /// The founding entry has index 1.
    package var lastIndexMax: UInt64 = 4
    /// How many entries one message carries.
    package var appendEntriesMax = 1024
    package var proposalsMax: UInt8 = 1
    package var readsMax: UInt8 = 0
    /// Crashes, each with a restart; of the writes under way any number, in order, is on the disk.
    package var crashesMax: UInt8 = 1
    package var heartbeatsMax: UInt8 = 0
    package var transfersMax: UInt8 = 0
    /// Connections that are seen to break: a follower forgets its leader, or a leader probes anew.
    package var resetsMax: UInt8 = 0
    /// Each may be proposed once, by any leader.
    package var changes: [ConfigurationChange.Action] = []

    package init(name: String) { self.name = name }
}

extension Scope {
    /// Bounds by name, for a command line. False for a name that is none.
    package mutating func set(_ name: String, to value: UInt8) -> Bool {
        switch name {
        case "terms": termMax = UInt64(value)
        case "last": lastIndexMax = UInt64(value)
        case "proposals": proposalsMax = value
        case "reads": readsMax = value
        case "crashes": crashesMax = value
        case "heartbeats": heartbeatsMax = value
        case "transfers": transfersMax = value
        case "resets": resetsMax = value
        default: return false
        }
        return true
    }

    static let servers = 3

    static func id(_ server: Int) -> ServerID { ServerID(high: 0, low: UInt64(server + 1)) }
    static func server(_ id: ServerID) -> Int { Int(id.low) - 1 }

    static let founders = Configuration(
        servers: (0..<servers).map { .init(id: id($0), address: "", role: .voter) })

    /// A heartbeat is a moment and an election takes for ever: however many heartbeats there are,
    /// they never add up to a silence.
    static let timing = Timing(
        heartbeat: .milliseconds(1), electionTimeout: .seconds(1_000), checkQuorum: .seconds(5_000))

    /// What `explore` runs by name.
    package static let all: [Scope] = [
        elections, successions, forked, preVotes, replication, reads, deposed, transfers, removal,
        demotion, joint,
    ]

    /// Three servers, three terms that are led, three entries beyond the founding, one crash.
    package static var elections: Scope {
        var scope = Scope(name: "elections")
        scope.termMax = 4
        return scope
    }

    /// The same with disks that take no time: leader after leader, and what the first one left behind.
    package static var successions: Scope {
        var scope = elections
        scope.name = "successions"
        scope.writes = .atOnce
        return scope
    }

    /// One more term from the middle of Figure 8: nothing of an older term is committed by counting.
    package static var forked: Scope {
        var scope = Scope(name: "forked")
        scope.start = .forked
        scope.isOldMailKept = true
        scope.appendEntriesMax = 1
        scope.termMax = 5
        scope.lastIndexMax = 5
        return scope
    }

    /// Two terms that are led, with every message of the pre-vote on its own, and no command.
    package static var preVotes: Scope {
        var scope = Scope(name: "pre-votes")
        scope.preVotes = .stepByStep
        scope.proposalsMax = 0
        return scope
    }

    /// A leader with commands, deposed and followed by another.
    package static var replication: Scope {
        var scope = Scope(name: "replication")
        scope.start = .led
        scope.proposalsMax = 2
        scope.heartbeatsMax = 1
        scope.resetsMax = 1
        return scope
    }

    /// Reads at a leader that may be deposed.
    package static var reads: Scope {
        var scope = Scope(name: "reads")
        scope.start = .led
        scope.isOldMailKept = true
        scope.readsMax = 2
        scope.heartbeatsMax = 1
        return scope
    }

    /// Reads at a leader that is deposed and does not know it.
    package static var deposed: Scope {
        var scope = Scope(name: "deposed")
        scope.start = .deposed
        scope.isOldMailKept = true
        scope.termMax = 4
        scope.readsMax = 1
        scope.heartbeatsMax = 1
        return scope
    }

    package static var transfers: Scope {
        var scope = Scope(name: "transfers")
        scope.start = .led
        scope.transfersMax = 1
        scope.heartbeatsMax = 1
        return scope
    }

    /// The third server is removed and added again, in another life.
    package static var removal: Scope {
        var scope = Scope(name: "removal")
        scope.start = .led
        scope.proposalsMax = 0
        scope.changes = [.remove(id(2)), .addNonVoter(id(2), address: "")]
        return scope
    }

    /// The first server, which leads, and the third lose their votes.
    package static var demotion: Scope {
        var scope = Scope(name: "demotion")
        scope.start = .led
        scope.proposalsMax = 0
        scope.changes = [.demote(id(2)), .demote(id(0)), .promote(id(2))]
        return scope
    }

    /// Two of three lose their votes at once, the leader among them; or the leader alone keeps its own.
    package static var joint: Scope {
        var scope = Scope(name: "joint")
        scope.start = .led
        scope.proposalsMax = 0
        scope.lastIndexMax = 5
        scope.changes = [.replace(only(1)), .replace(only(0))]
        return scope
    }

    /// All three, of which one votes.
    private static func only(_ voter: Int) -> [Configuration.Server] {
        (0..<servers).map {
            .init(id: id($0), address: "", role: $0 == voter ? .voter : .nonVoter)
        }
    }
}

/// A defect of what surrounds the core, to see that the search finds what is wrong.
package enum Fault: String, CaseIterable, Sendable {
    /// A crash takes the vote of the current term from the disk.
    case forgottenVote = "forgotten-vote"
    /// The disk says that a write is durable when it begins; a crash may still lose it.
    case lyingDisk = "lying-disk"
    /// Every answer to an append is taken for one to the newest round of confirmation.
    case confusedRounds = "confused-rounds"
    /// A leader answers reads without asking anybody.
    case unconfirmedReads = "unconfirmed-reads"
    /// Every append says that all that it carries is committed.
    case boastedCommit = "boasted-commit"
}
