// SPDX-License-Identifier: Apache-2.0

/// One thing that can happen to one server. A number of 30 bits as well, so that the way to each of
/// many millions of states fits beside it.
enum Choice: Equatable {
    case deliver(message: UInt16)
    /// The same for a question for a vote, after the voter's patience with its leader has ended.
    case deliverLate(message: UInt16)
    /// The oldest writes under way become durable, and are reported together.
    case completeWrites(Int)
    /// The election timeout passes. `partner` is who answers a pre-vote that is taken at once, from
    /// 1; 0 if it is not.
    case campaign(partner: Int)
    /// A heartbeat is due at a leader.
    case heartbeat
    /// An election timeout passed at a leader that still hears a quorum.
    case lateHeartbeat
    /// A leader hears nobody for long.
    case isolate
    case propose(UInt8)
    case read(UInt8)
    case transfer(to: Int)
    case change(Int)
    case loseLeader
    case loseTouch(with: Int)
    /// Ends, and starts again from its disk with the first `kept` of the writes under way on it.
    case crash(kept: Int)

    var code: UInt32 {
        let (kind, argument) = parts
        return kind << 20 | argument
    }

    private var parts: (kind: UInt32, argument: UInt32) {
        switch self {
        case .deliver(let message): (0, UInt32(message))
        case .deliverLate(let message): (1, UInt32(message))
        case .completeWrites(let count): (2, UInt32(count))
        case .campaign(let partner): (3, UInt32(partner))
        case .heartbeat: (4, 0)
        case .lateHeartbeat: (5, 0)
        case .isolate: (6, 0)
        case .propose(let number): (7, UInt32(number))
        case .read(let number): (8, UInt32(number))
        case .transfer(let server): (9, UInt32(server))
        case .change(let number): (10, UInt32(number))
        case .loseLeader: (11, 0)
        case .loseTouch(let server): (12, UInt32(server))
        case .crash(let kept): (13, UInt32(kept))
        }
    }

    init(code: UInt32) {
        let argument = code & 0xF_FFFF
        switch code >> 20 {
        case 0: self = .deliver(message: UInt16(argument))
        case 1: self = .deliverLate(message: UInt16(argument))
        case 2: self = .completeWrites(Int(argument))
        case 3: self = .campaign(partner: Int(argument))
        case 4: self = .heartbeat
        case 5: self = .lateHeartbeat
        case 6: self = .isolate
        case 7: self = .propose(UInt8(argument))
        case 8: self = .read(UInt8(argument))
        case 9: self = .transfer(to: Int(argument))
        case 10: self = .change(Int(argument))
        case 11: self = .loseLeader
        case 12: self = .loseTouch(with: Int(argument))
        case 13: self = .crash(kept: Int(argument))
        default: preconditionFailure("no choice has the code \(code)")
        }
    }
}
