// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletGossip
import MartletRaft

// What gossip says, in the words of the server.

/// Why a server was not let in where it asked.
enum JoinFailure: Equatable {
    /// The address is its own.
    case itself
    case refused(String)
    case unreachable(String)

    /// It was asked of a port that is closed.
    static let isOver = JoinFailure.unreachable("this server takes part in no gossip any more")
}

/// What is said to somebody's stream.
enum GossipReply {
    case answered([UInt8])
    case refused(String)
}

extension NodeID {
    init(_ id: ServerID) { self.init(high: id.high, low: id.low) }
}

extension ServerID {
    init(_ id: NodeID) { self.init(high: id.high, low: id.low) }
}

extension NodeRecord {
    init(_ info: MemberInfo) {
        self.init(
            id: NodeID(info.id), address: info.gossipAddress, incarnation: info.incarnation,
            payload: info.payload)
    }
}

extension MemberInfo {
    /// nil for a payload that is none, or not of the record's server.
    init?(_ record: NodeRecord) {
        do throws(ByteError) {
            let info = try MemberInfo(payload: record.payload)
            guard info.id == ServerID(record.id), info.gossipAddress == record.address else {
                return nil
            }
            self = info
        } catch {
            return nil
        }
    }
}

extension SerfStatus {
    init(_ status: GossipStatus) {
        self =
            switch status {
            case .alive: .alive
            case .leaving: .leaving
            case .left: .left
            case .failed: .failed
            }
    }
}
